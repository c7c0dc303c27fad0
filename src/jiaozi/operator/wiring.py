"""The one place where an operator's parts are put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources

import structlog

from jiaozi.operator.customers.deposit_phone import DepositPhone
from jiaozi.operator.customers.holder_name import HolderName
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.prove_phone import ProvePhone
from jiaozi.operator.customers.request_code import RequestCode
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.deposits.model import CoreBanking, Deposit
from jiaozi.operator.exchange.exchange import ExchangeDeposit
from jiaozi.operator.exchange.redeem import RedeemToDeposit
from jiaozi.operator.gateway.batch import Batcher, BatchLimits
from jiaozi.operator.history.follow import FollowFeed
from jiaozi.operator.history.read import ReadHistory
from jiaozi.operator.history.verdict import FeedVerdict
from jiaozi.operator.identity import Identity, IdentityParts, identity_of
from jiaozi.operator.life.adopt import AdoptWallet
from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.life.freeze import FreezeWallet
from jiaozi.operator.life.prove_holder import ProveHolder
from jiaozi.operator.life.rebind import RebindWallet
from jiaozi.operator.life.store import load_carriage
from jiaozi.operator.notices.listen import Notices
from jiaozi.operator.notices.streams import Streams
from jiaozi.operator.offline.desk import Desk, DeskParts, desk_of
from jiaozi.operator.privacy.export import ExportPerson
from jiaozi.operator.privacy.retention import DestroyAtTerm
from jiaozi.operator.privacy.upkeep import KeepPrivacy
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.operator.rates import OperatorLimits
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.join import Joined, join_network
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.resume import Resolver
from jiaozi.operator.rotate_keys import RotateKeys
from jiaozi.operator.sagas import SagaParts, sagas_of
from jiaozi.operator.second_factor.check_pin import CheckPin
from jiaozi.operator.second_factor.countersign import Countersign
from jiaozi.operator.second_factor.reset_pin import ResetPin
from jiaozi.operator.second_factor.set_pin import SetPin
from jiaozi.operator.second_factor.stretching import PinStretching
from jiaozi.operator.sessions.log_in import LogIn, challenge_key
from jiaozi.operator.settings import OperatorSettings
from jiaozi.operator.statements.catch_up import CatchUp
from jiaozi.operator.statements.issue import IssueStatement
from jiaozi.operator.wallets.attest import AttestWallet
from jiaozi.operator.wallets.demands import Demands
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.operator.watch import RegistryWatch
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate

_log = structlog.get_logger("jiaozi.operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator at work: its use cases."""

    code: int
    demo: bool
    joined: Joined
    database: Database
    core: CoreBanking
    registry: RegistryClient
    rotate_keys: RotateKeys
    batcher: Batcher
    carriage: Carriage
    watch: RegistryWatch
    limits: OperatorLimits
    deposit_phone: DepositPhone
    request_code: RequestCode
    open_wallet: OpenWallet
    identity: Identity
    exchange: ExchangeDeposit
    redeem: RedeemToDeposit
    rebind: RebindWallet
    freeze: FreezeWallet
    adopt: AdoptWallet
    resolver: Resolver
    follow_feed: FollowFeed
    desk: Desk
    read_history: ReadHistory
    issue_statement: IssueStatement
    holder_name: HolderName
    attest_wallet: AttestWallet
    export_person: ExportPerson
    keep_privacy: KeepPrivacy
    demands: Demands
    set_pin: SetPin
    reset_pin: ResetPin
    countersign: Countersign
    log_in: LogIn
    notices: Notices
    wallet_origin: str
    now_ms: Callable[[], int]

    async def deposits_of(self, wallet: int) -> list[Deposit]:
        """Return the deposit accounts of the phone that a wallet was opened by."""
        phone = await self.deposit_phone(wallet)
        return [] if phone is None else await self.core.accounts_of(phone)

    async def check_reachable(self) -> None:
        """Check that the database answers, and that the registry did when it was last asked.

        Raises:
            StorageUnavailable: The database does not.
            Refusal: ``unavailable``: the registry does not.
        """
        async with self.database.connection() as connection:
            await connection.execute("SELECT 1")
        if not self.registry.is_reachable:
            raise refuse(Code.UNAVAILABLE)


DESK_BATCHES = BatchLimits(in_flight_max=1)
"""Of the desk, beside the payments of wallets: a log is in no hurry, so that all orders that come
while a batch is under way leave with the next one. A flood of logs takes no payment's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What has to be opened, and closed, around the use cases."""

    settings: OperatorSettings
    joined: Joined
    database: Database
    wrapping: WrappingKeys
    registry: RegistryClient
    batcher: Batcher
    desk_batcher: Batcher
    carriage: Carriage
    stretching: PinStretching
    watch: RegistryWatch


@asynccontextmanager
async def open_operator(settings: OperatorSettings) -> AsyncIterator[Operator]:
    """Open database and connections and yield the use cases; nothing runs by itself yet.

    Raises:
        StorageError: The database cannot be used.
        OtherNetwork: It belongs to another network than the registry.
        KeyStoreError: A key that records name is missing, or is another one.
    """
    async with await Database.open(
        settings.dsn,
        name=f"operator-{settings.code:04d}",
        pool_size=settings.database_connections_max,
        statement_timeout_ms=settings.statement_timeout_ms,
    ) as database:
        await migrate(database, resources.files("jiaozi.operator") / "migrations")
        wrapping = WrappingKeys(settings.keys.wrapping)
        async with database.connection() as connection:
            await wrapping.refresh(connection)
            carriage = await load_carriage(connection, settings.code)
        joined = await join_network(database, settings.registry_url, settings.network_id)
        async with RegistryClient(
            settings.registry_url,
            network=joined.network,
            signer=settings.keys.transport,
            now_ms=settings.now_ms,
            timeout_s=settings.registry_timeout_s,
        ) as registry:
            watch = await RegistryWatch.begin(
                database,
                registry,
                operator=settings.code,
                network=joined.network.id,
                peers=settings.peers,
                now_ms=settings.now_ms,
            )
            batcher = Batcher(registry.submit, settings.batch_limits)
            desk_batcher = Batcher(registry.submit, DESK_BATCHES)
            stretching = PinStretching(settings.keys.pepper, settings.pin_cost)
            try:
                yield _put_together(
                    _Opened(
                        settings=settings,
                        joined=joined,
                        database=database,
                        wrapping=wrapping,
                        registry=registry,
                        batcher=batcher,
                        desk_batcher=desk_batcher,
                        carriage=carriage,
                        stretching=stretching,
                        watch=watch,
                    )
                )
            finally:
                stretching.close()
                await batcher.close()
                await desk_batcher.close()


@asynccontextmanager
async def working(*tasks: Coroutine[None, None, None]) -> AsyncIterator[Callable[[], bool]]:
    """Run tasks in the background; yields a question whether all of them still do."""
    running = [asyncio.create_task(each) for each in tasks]
    for each in running:
        each.add_done_callback(_tell_end)
    try:
        yield lambda: not any(each.done() for each in running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.wait(running)


def _tell_end(task: asyncio.Task[None]) -> None:
    """Say why a task that should run for ever did not."""
    with contextlib.suppress(asyncio.CancelledError):
        error = task.exception()
        if error is not None:
            _log.error("background_task_ended", exc_info=error)


def _put_together(opened: _Opened) -> Operator:
    settings, database, now_ms = opened.settings, opened.database, opened.settings.now_ms
    keys, network = settings.keys, opened.joined.network
    privacy = Privacy(wrapping=opened.wrapping, lookup_key=keys.lookup, now_ms=now_ms)
    core = settings.core or LedgerCore(database, privacy)
    deposit_phone = DepositPhone(database=database, privacy=privacy)
    settle = SettleOrder(
        submit=opened.batcher.submit,
        registry=opened.registry,
        feed=FeedVerdict(database=database),
        now_ms=now_ms,
    )
    identity = _identity(opened, privacy, core=core, settle=settle, deposit_phone=deposit_phone)
    follow_feed = _follow_feed(opened)
    desk = _desk(opened, settle, follow_feed)
    sagas = sagas_of(
        SagaParts(
            code=settings.code,
            network=network.id,
            keys=keys,
            database=database,
            privacy=privacy,
            registry=opened.registry,
            core=core,
            settle=settle,
            identity=identity,
            desk=desk,
            now_ms=now_ms,
        )
    )
    check_pin = CheckPin(database=database, stretching=opened.stretching, now_ms=now_ms)
    return Operator(
        code=settings.code,
        demo=settings.demo,
        joined=opened.joined,
        database=database,
        core=core,
        registry=opened.registry,
        rotate_keys=_rotate_keys(opened),
        batcher=opened.batcher,
        carriage=opened.carriage,
        watch=opened.watch,
        limits=OperatorLimits(settings.rates, demo=settings.demo),
        deposit_phone=deposit_phone,
        request_code=_request_code(opened, privacy),
        open_wallet=identity.open_wallet,
        identity=identity,
        exchange=sagas.exchange,
        redeem=sagas.redeem,
        rebind=sagas.rebind,
        freeze=sagas.freeze,
        adopt=sagas.adopt,
        resolver=sagas.resolver,
        follow_feed=follow_feed,
        desk=desk,
        read_history=ReadHistory(database=database),
        issue_statement=_issue_statement(opened),
        holder_name=HolderName(database=database, privacy=privacy, verifier=settings.verifier),
        attest_wallet=_attest_wallet(opened),
        export_person=ExportPerson(database=database, privacy=privacy, now_ms=now_ms),
        keep_privacy=_keep_privacy(opened),
        demands=_demands(opened, identity),
        set_pin=_set_pin(opened, check_pin),
        reset_pin=_reset_pin(opened, identity.open_wallet.prove_phone, privacy),
        countersign=_countersign(opened, check_pin),
        log_in=_log_in(opened),
        notices=Notices(database=database, streams=Streams(settings.stream_limits)),
        wallet_origin=settings.wallet_origin,
        now_ms=now_ms,
    )


def _identity(
    opened: _Opened,
    privacy: Privacy,
    *,
    core: CoreBanking,
    settle: SettleOrder,
    deposit_phone: DepositPhone,
) -> Identity:
    settings = opened.settings
    return identity_of(
        IdentityParts(
            code=settings.code,
            network=opened.joined.network.id,
            certify=settings.keys.certify,
            database=opened.database,
            privacy=privacy,
            screening=settings.screening,
            verifier=settings.verifier,
            deposit_phone=deposit_phone,
            core=core,
            settle=settle,
            now_ms=settings.now_ms,
        )
    )


def _rotate_keys(opened: _Opened) -> RotateKeys:
    settings = opened.settings
    return RotateKeys(
        operator=settings.code,
        keys=settings.keys.rotating,
        certificates=opened.registry.certificates,
        now_ms=settings.now_ms,
    )


def _request_code(opened: _Opened, privacy: Privacy) -> RequestCode:
    settings = opened.settings
    return RequestCode(
        database=opened.database,
        privacy=privacy,
        sms=settings.sender,
        source_codes_max=None if settings.demo else settings.source_codes_max,
        now_ms=settings.now_ms,
    )


def _follow_feed(opened: _Opened) -> FollowFeed:
    return FollowFeed(
        carriage=opened.carriage,
        network=opened.joined.network,
        database=opened.database,
        registry=opened.registry,
    )


def _desk(opened: _Opened, settle: SettleOrder, follow_feed: FollowFeed) -> Desk:
    settings = opened.settings
    return desk_of(
        DeskParts(
            code=settings.code,
            network=opened.joined.network,
            certify=settings.keys.certify,
            database=opened.database,
            registry=opened.registry,
            carriage=opened.carriage,
            submit=opened.desk_batcher.submit,
            settle=settle,
            read_feed=follow_feed.step,
            now_ms=settings.now_ms,
        )
    )


def _issue_statement(opened: _Opened) -> IssueStatement:
    settings = opened.settings
    return IssueStatement(
        operator=settings.code,
        network=opened.joined.network.id,
        database=opened.database,
        catch_up=CatchUp(
            database=opened.database, registry=opened.registry, now_ms=settings.now_ms
        ),
        certify=settings.keys.certify,
        now_ms=settings.now_ms,
    )


def _attest_wallet(opened: _Opened) -> AttestWallet:
    settings = opened.settings
    return AttestWallet(
        operator=settings.code,
        network=opened.joined.network.id,
        certify=settings.keys.certify,
        now_ms=settings.now_ms,
    )


def _keep_privacy(opened: _Opened) -> KeepPrivacy:
    settings = opened.settings
    return KeepPrivacy(
        database=opened.database,
        wrapping=opened.wrapping,
        destroy_at_term=DestroyAtTerm(database=opened.database, now_ms=settings.now_ms),
    )


def _set_pin(opened: _Opened, check_pin: CheckPin) -> SetPin:
    settings = opened.settings
    return SetPin(
        database=opened.database,
        stretching=opened.stretching,
        check_pin=check_pin,
        now_ms=settings.now_ms,
    )


def _demands(opened: _Opened, identity: Identity) -> Demands:
    return Demands(
        network=opened.joined.network.id,
        database=opened.database,
        platforms=identity.platforms,
        keys=opened.registry.block_keys,
        now_ms=opened.settings.now_ms,
    )


def _reset_pin(opened: _Opened, prove_phone: ProvePhone, privacy: Privacy) -> ResetPin:
    return ResetPin(
        database=opened.database,
        stretching=opened.stretching,
        prove_phone=prove_phone,
        prove_holder=ProveHolder(privacy=privacy),
        now_ms=opened.settings.now_ms,
    )


def _countersign(opened: _Opened, check_pin: CheckPin) -> Countersign:
    settings = opened.settings
    return Countersign(
        network=opened.joined.network.id,
        database=opened.database,
        stretching=opened.stretching,
        check_pin=check_pin,
        certify=settings.keys.certify,
        now_ms=settings.now_ms,
    )


def _log_in(opened: _Opened) -> LogIn:
    settings = opened.settings
    return LogIn(
        operator=settings.code,
        network=opened.joined.network.id,
        origin=settings.wallet_origin,
        database=opened.database,
        key=challenge_key(settings.keys.lookup),
        now_ms=settings.now_ms,
    )
