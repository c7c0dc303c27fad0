"""What a registry could do that holds the block key and means harm: tell another story and sign it.

A `Forger` takes the blocks of a true chain. `rewrite` changes one block and signs it and all that
follow anew, with hashes, Merkle roots and chain in order: only the audit's own rules can find it.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from jiaozi.central_bank.audit.audit import AuditOptions, audit_source
from jiaozi.central_bank.audit.model import AuditReport, Difference, RawBlock, Rule
from jiaozi.protocol import cbor, cose, merkle
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import (
    Header,
    body_hash,
    encode_outcome,
    leaf,
    read_body,
    read_header,
    sign_header,
)
from jiaozi.protocol.refusals import SETTLED, Outcome
from jiaozi.protocol.suites import Ed25519Signer
from tests.audit.story import Story
from tests.registry.network import UNLIMITED

Item = tuple[bytes, Outcome]
"""A submission and its outcome."""


class ListSource:
    """Blocks from memory; the last one's height is the tip's unless a test says otherwise."""

    def __init__(self, blocks: Sequence[RawBlock], tip_height: int | None = None) -> None:
        self._blocks = blocks
        self._tip_height = blocks[-1].height if tip_height is None else tip_height

    async def tip_height(self) -> int:
        return self._tip_height

    async def headers(self, first: int, last: int) -> AsyncIterator[bytes]:
        for each in self._blocks:
            if first <= each.height <= last:
                yield each.header

    async def blocks(self, first: int, last: int) -> AsyncIterator[RawBlock]:
        for each in self._blocks:
            if first <= each.height <= last:
                yield each


LIBRARY = {UNLIMITED.hash: UNLIMITED}
"""The rulebook of the story."""


class Forger:
    """A registry that rewrites its own past."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.blocks = [each._replace(figures=None) for each in story.blocks]

    def header(self, height: int) -> Header:
        """The header at a height."""
        key = cose.decode(self.blocks[height].header, size_max=1024).signatures[0].key
        network = self.story.network.id
        return read_header(
            self.blocks[height].header, block_keys=BlockKeys.stated(key), network=network
        ).header

    def items(self, height: int) -> list[Item]:
        """The orders of a block with their outcomes."""
        body = self.blocks[height].body
        return [
            (each.submission, each.outcome) for each in read_body(body, self.header(height).count)
        ]

    def rewrite(
        self,
        height: int,
        items: Sequence[Item] | None = None,
        *,
        signer: Ed25519Signer | None = None,
        **fields: Any,  # noqa: ANN401 - of a header
    ) -> None:
        """Change a block's orders or header fields, and sign it and all later ones anew."""
        if items is not None:
            body = b"".join(order + encode_outcome(outcome) for order, outcome in items)
            leaves = [
                leaf(cbor.decode(order, size_max=8192)[0], encode_outcome(outcome))  # type: ignore[index]
                for order, outcome in items
            ]
            self.blocks[height] = self.blocks[height]._replace(body=body)
            computed = {
                "count": len(items),
                "body_hash": body_hash(body),
                "orders_root": merkle.root(leaves),
            }
            fields = {**computed, **fields}
        self._sign(height, replace(self.header(height), **fields), signer)
        for each in range(height + 1, len(self.blocks)):
            self._sign(each, replace(self.header(each), previous=self.identity(each - 1)))

    def add(self, height: int, *orders: bytes, outcome: Outcome = SETTLED) -> int:
        """Add orders to a block; return the position of the first."""
        items = self.items(height)
        self.rewrite(height, [*items, *((order, outcome) for order in orders)])
        return len(items)

    def append(self) -> None:
        """Put an empty block on top."""
        before = self.header(len(self.blocks) - 1)
        header = Header(
            height=before.height + 1,
            time_ms=before.time_ms + 1,
            previous=self.identity(before.height),
            orders_root=merkle.EMPTY_ROOT,
            count=0,
            body_hash=body_hash(b""),
            feeds_root=before.feeds_root,
        )
        self.blocks.append(RawBlock(header.height, b"", b""))
        self._sign(header.height, header)

    def change_header(self, height: int, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of a header and nothing else."""
        block = self.blocks[height]
        self.blocks[height] = block._replace(header=change(block.header))

    def change_body(self, height: int, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of a body and nothing else."""
        block = self.blocks[height]
        self.blocks[height] = block._replace(body=change(block.body))

    async def audit(self, **options: Any) -> AuditReport:  # noqa: ANN401 - of an audit
        """Audit the chain as it is now."""
        options = {"processes": 0, "library": LIBRARY, **options}
        return await audit_source(ListSource(self.blocks), AuditOptions(**options))

    async def first_difference(self, **options: Any) -> Difference:  # noqa: ANN401
        """Audit a chain in which something must differ, and return what was found first."""
        report = await self.audit(**options)
        assert report.verdict != "ok"
        return report.differences[0]

    async def expect(self, rule: Rule, height: int, position: int | None = None) -> str:
        """Audit; the first difference must be this one. Return its words."""
        first = await self.first_difference()
        assert (first.rule, first.height, first.position) == (rule, height, position), first
        return first.detail

    def _sign(self, height: int, header: Header, signer: Ed25519Signer | None = None) -> None:
        signed = sign_header(header, signer or self.story.keys.block, self.story.network.id)
        self.blocks[height] = self.blocks[height]._replace(header=signed.encoded)

    def identity(self, height: int) -> bytes:
        """What the next header must name."""
        return cose.decode(self.blocks[height].header, size_max=1024).identity
