"""Follow an operator's feed from its beginning, as an operator does: every block is verified."""

from collections.abc import Sequence

from jiaozi.central_bank.registry import views
from jiaozi.protocol import cbor, feed
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.feed import Entry, FeedBlock
from jiaozi.protocol.orders import Order, parse, parse_view
from tests.registry.world import RegistryWorld


async def follow(world: RegistryWorld, operator: int) -> list[FeedBlock]:
    """Read and verify all of a feed."""
    encoded: list[bytes] = []
    after = 0
    while True:
        async with world.database.connection() as connection:
            page = await views.read_feed(connection, operator, after, 50)
        encoded += page.blocks
        if not page.blocks:
            assert page.height == world.height
            return verify(world, operator, encoded)
        after = page.height


def verify(world: RegistryWorld, operator: int, encoded: Sequence[bytes]) -> list[FeedBlock]:
    """Verify blocks of a feed from the first on.

    Raises:
        Refusal: One does not follow from those before it, or is not the registry's.
    """
    head, blocks = feed.START, []
    for data in encoded:
        block = feed.read_block(
            data,
            operator=operator,
            before=head,
            block_keys=BlockKeys.stated(world.keys.block.public_key),
            network=world.network.id,
        )
        head = block.head
        blocks.append(block)
    return blocks


def split(sequence: bytes) -> list[bytes]:
    """Take a CBOR sequence of feed blocks apart."""
    items = cbor.decode_sequence(sequence, items_max=1000, item_size_max=feed.FEED_BLOCK_BYTES_MAX)
    return [encoded for _, encoded in items]


async def entry_of(world: RegistryWorld, operator: int, submission: bytes) -> Entry | None:
    """Find what an operator learns of an order; None when it learns nothing."""
    wanted = parse(submission).cose
    for block in reversed(await follow(world, operator)):
        for entry in block.entries:
            if entry.cose == wanted:
                return entry
    return None


def order_of(entry: Entry) -> Order:
    """Read the order of an entry, with the legs that are shown."""
    return parse_view(entry.cose, entry.legs)
