"""Run an audit: where it begins, how far it goes, what it saves, and its verdict.

It begins after the last state whose hash a header named, if that was saved, and goes up to the last
block. From a database it ends with one snapshot: the blocks that came meanwhile, and the registry's
own tables at that very height.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from jiaozi.central_bank.audit import saved_state
from jiaozi.central_bank.audit.check import check_header
from jiaozi.central_bank.audit.checkers import Checkers, checked_in_order, cores
from jiaozi.central_bank.audit.compare import compare_tables
from jiaozi.central_bank.audit.follow import Follower, NamedState
from jiaozi.central_bank.audit.from_database import from_database, snapshot_of
from jiaozi.central_bank.audit.model import (
    AuditReport,
    CheckedHeader,
    Enough,
    Findings,
    Progress,
    RawBlock,
    Rule,
)
from jiaozi.central_bank.audit.saved_state import Saved, SavedStateUnusable
from jiaozi.central_bank.audit.sources import BlockSource
from jiaozi.central_bank.audit.state import State
from jiaozi.central_bank.audit.used_ids import UsedIds
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol import cbor, cose
from jiaozi.protocol.blocks import HEADER_BYTES_MAX, NO_PREVIOUS
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.refusals import Refusal
from jiaozi.service.files import make_directory
from jiaozi.storage.database import Database

_GARBAGE_THRESHOLD = 100_000
_STATE = 8  # the key in a header's map
_BEFORE_GENESIS = CheckedHeader(-1, 0, b"", NO_PREVIOUS, 0, b"", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How an audit is run.

    Attributes:
        state_directory: Where the state file of each network is; None saves nothing and begins at
            genesis.
        from_genesis: Begin there although there is a saved state.
        network: The id that genesis must have, learnt by another way.
        processes: That check blocks; with none they are checked in this one.
        show: Called after each few blocks.
        library: The rulebook files at hand, by hash: delays are read from them.
    """

    state_directory: Path | None = None
    from_genesis: bool = False
    network: NetworkId | None = None
    processes: int = field(default_factory=cores)
    show: Callable[[Progress], None] | None = None
    library: Mapping[bytes, Rulebook] = field(default_factory=shipped)


async def audit_database(database: Database, options: AuditOptions) -> AuditReport:
    """Audit a central bank by its database, and its tables against the blocks.

    Raises:
        SourceUnavailable: It holds no blocks.
        StorageUnavailable: It is gone.
        UsedIdsUnusable: Another audit uses the same state file.
        CheckerLost: A checking process ended.
    """
    return await _Audit(options).run(from_database(database), database)


async def audit_source(source: BlockSource, options: AuditOptions) -> AuditReport:
    """Audit a central bank by its blocks alone.

    Raises:
        SourceUnavailable: Blocks cannot be had.
        UsedIdsUnusable: Another audit uses the same state file.
        CheckerLost: A checking process ended.
    """
    return await _Audit(options).run(source, None)


class _Audit:
    """One run."""

    def __init__(self, options: AuditOptions) -> None:
        self._options = options
        self._findings = Findings()
        self._started_s = time.monotonic()
        self._from_height = 0
        self._notice: str | None = None
        self._follower: Follower | None = None

    async def run(self, source: BlockSource, database: Database | None) -> AuditReport:
        with suppress(Enough), _garbage_collected_rarely():
            network = await self._read_genesis(source)
            with self._begin(network) as follower:
                await self._check_beginning(source, follower)
                async with Checkers(network.id, self._options.processes) as checkers:
                    await self._follow(source, follower, checkers)
                    if database is not None:
                        async with snapshot_of(database) as snapshot:
                            await self._follow(snapshot, follower, checkers)
                            await compare_tables(snapshot, follower)
                follower.check_ledgers()
        return self._report()

    async def _read_genesis(self, source: BlockSource) -> Network:
        raw = await anext(source.blocks(0, 0), None)
        if raw is None:
            self._stop(Rule.GENESIS, "there is no block 0", 0)
        try:
            network = read_genesis(raw.body)
        except Refusal as refusal:
            self._stop(Rule.GENESIS, f"block 0 is no genesis that its root signed: {refusal}", 0)
        expected = self._options.network
        if expected is not None and network.id != expected:
            self._stop(Rule.GENESIS, f"the network is {network.id.hex()}", 0)
        return network

    @contextmanager
    def _begin(self, network: Network) -> Iterator[Follower]:
        """Set up the state to begin with: the saved one, or that of genesis."""
        path = self._state_path(network)
        if path is not None:
            make_directory(path.parent)
            saved_state.discard_candidates(path)
        saved = None if path is None or self._options.from_genesis else self._load(path, network)
        if path is not None and saved is None:
            ids_path(path).unlink(missing_ok=True)
        with UsedIds(None if path is None else ids_path(path)) as used_ids:
            if saved is not None and used_ids.saved_height != saved.header.height:
                self._notice = "the ids beside the state file are of another height"
                used_ids.go_back_to(-1)
                saved = None
            follower = self._new_follower(network, saved, used_ids)
            try:
                yield follower
            finally:
                if path is not None:
                    saved_state.discard_candidates(path)

    def _state_path(self, network: Network) -> Path | None:
        directory = self._options.state_directory
        return None if directory is None else directory / f"{network.id.hex()}.state"

    def _load(self, path: Path, network: Network) -> Saved | None:
        try:
            return saved_state.read_saved(path, network)
        except SavedStateUnusable as unusable:
            self._notice = str(unusable)
            return None

    def _new_follower(self, network: Network, saved: Saved | None, used_ids: UsedIds) -> Follower:
        path = self._state_path(network)

        def hash_state(raw: RawBlock) -> bytes:
            if path is None:
                return saved_state.hash_state(follower.state, raw.height)
            return saved_state.write_candidate(path, network.id, raw, follower.state)

        def save(height: int, raw: RawBlock) -> None:
            if path is not None and saved_state.promote(path, height, raw.header):
                used_ids.save(height)

        state = State.from_genesis(network.genesis) if saved is None else saved.state
        follower = Follower(
            network=network,
            tip=_BEFORE_GENESIS if saved is None else saved.header,
            state=state,
            used_ids=used_ids,
            findings=self._findings,
            hash_state=hash_state,
            on_state_named=save,
            library=self._options.library,
        )
        if saved is not None:
            height = self._from_height = saved.header.height
            follower.named[height] = NamedState(saved.state_hash, saved.header.time_ms)
            used_ids.go_back_to(height)
        self._follower = follower
        return follower

    async def _check_beginning(self, source: BlockSource, follower: Follower) -> None:
        """Check that the block verified before is still where the audit goes on."""
        tip = follower.tip
        if tip.height < 0:
            return
        found = await anext(source.headers(tip.height, tip.height), None)
        if found is None:
            height = await source.tip_height()
            self._stop(
                Rule.CHAIN, f"the chain ends here, it was verified up to {tip.height}", height
            )
        try:
            _, header = check_header(follower.network.id, found)
        except Refusal as refusal:
            self._stop(
                Rule.BLOCK_SIGNATURE, f"the header cannot be relied on: {refusal}", tip.height
            )
        if header.identity != tip.identity:
            self._stop(Rule.CHAIN, "another block was verified here before", tip.height)

    async def _follow(self, source: BlockSource, follower: Follower, checkers: Checkers) -> None:
        """Take all blocks up to the last one."""
        first, last = follower.tip.height + 1, await source.tip_height()
        hash_at = await _named_heights(source, first, last)
        async with aclosing(checked_in_order(source.blocks(first, last), checkers)) as jobs:
            async for job in jobs:
                for raw, checked in job:
                    follower.take(raw, checked, hash_at)
                if self._options.show is not None:
                    self._options.show(Progress(follower.tip.height, last, follower.orders))
        if follower.tip.height < last:
            self._stop(Rule.CHAIN, "this block is missing", follower.tip.height + 1)

    def _stop(self, rule: Rule, detail: str, height: int) -> NoReturn:
        self._findings.add(rule, detail, height)
        raise Enough

    def _report(self) -> AuditReport:
        follower = self._follower
        state = State() if follower is None else follower.state
        return AuditReport(
            network=b"" if follower is None else follower.network.id,
            from_height=self._from_height,
            height=0 if follower is None else max(follower.tip.height, 0),
            blocks=0 if follower is None else follower.blocks,
            orders=0 if follower is None else follower.orders,
            accounts=len(state.accounts),
            issued_fen=state.issued_fen,
            destroyed_fen=state.destroyed_fen,
            shortfall_fen=state.devices.shortfall_fen(),
            claimed_lacks_fen=state.devices.claimed_lacks_fen(),
            elapsed_s=time.monotonic() - self._started_s,
            differences=tuple(self._findings.differences),
            notice=self._notice,
        )


@contextmanager
def _garbage_collected_rarely() -> Iterator[None]:
    """Look for cycles seldom: a state of a million accounts has none, and each look takes long."""
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE_THRESHOLD, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def ids_path(state_path: Path) -> Path:
    """Return where the ids that orders used up are kept beside a state file."""
    return state_path.with_name(f"{state_path.name}.ids")


async def _named_heights(source: BlockSource, first: int, last: int) -> frozenset[int]:
    """Look ahead: of which heights do headers name the state? What they say is checked later."""
    return frozenset(
        [
            height
            async for header in source.headers(first, last)
            if (height := _named_height(header)) is not None
        ]
    )


def _named_height(header: bytes) -> int | None:
    try:
        payload = cose.decode(header, size_max=HEADER_BYTES_MAX).payload
        fields = cbor.decode(payload, size_max=HEADER_BYTES_MAX)
    except (Refusal, cbor.NotCanonical):
        return None
    state = fields.get(_STATE) if type(fields) is dict else None
    return state[0] if type(state) is list and state and type(state[0]) is int else None
