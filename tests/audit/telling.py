"""Tell a true beginning at the end of the story, and then what the audit should find."""

from collections.abc import Sequence

from jiaozi.central_bank.audit.model import Difference, Rule
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import OrderType
from tests.audit.forgery import LIBRARY, Forger
from tests.audit.story import LAST, Story
from tests.registry.network import key

CASE, NEW, PLATFORM = bytes(16), key("new"), key("platform")


class Teller:
    """Puts blocks on top of the story, each at a time of its own."""

    def __init__(self, forger: Forger, story: Story) -> None:
        self.forger, self.story = forger, story
        self.orders = type(story.orders)(
            story.keys, story.network.id, story.orders.now_ms, series=77
        )
        self.library = dict(LIBRARY)

    def block(self, *orders: bytes, after_ms: int = 1) -> tuple[int, int]:
        """Tell one more block; return its height and the position of its last order."""
        self.forger.append()
        height = len(self.forger.blocks) - 1
        time_ms = self.forger.header(height - 1).time_ms + after_ms
        self.forger.rewrite(height, [(each, (0,)) for each in orders], time_ms=time_ms)
        return height, len(orders) - 1

    async def differences(self) -> Sequence[Difference]:
        return (await self.forger.audit(library=self.library)).differences

    async def is_ok(self) -> None:
        """All that was told so far is as the rules say."""
        assert not await self.differences()

    async def finds(self, rule: Rule, place: tuple[int, int]) -> str:
        """Only this order differs; return in what."""
        found = await self.differences()
        assert [(each.rule, (each.height, each.position)) for each in found] == [(rule, place)]
        return found[0].detail

    def by_holder(self, order_type: OrderType, *, both: bool = False, **body: int | bytes) -> bytes:
        operator = self.story.payer.operator if both else None
        return self.orders.by_holder(
            order_type, self.story.payer, countersigned_by=operator, **body
        )

    def by_operator(self, order_type: OrderType, **body: int | bytes) -> bytes:
        return self.orders.by_operator(order_type, self.story.payer, **body)

    def by_officers(self, order_type: OrderType, **body: int | bytes) -> bytes:
        return self.orders.by_officers(order_type, number=self.story.payer.number, **body)

    def request_rebind(self) -> bytes:
        return self.by_operator(OrderType.REBIND_REQUEST, suite=NEW.suite, key=NEW.public_key)

    def mandate(self) -> bytes:
        expires_at_ms = self.forger.header(LAST).time_ms + DAY_MS
        return self.by_holder(
            OrderType.MANDATE, both=True, mandate=CASE, suite=PLATFORM.suite,
            key=PLATFORM.public_key, payee=self.story.payee.number, single_limit_fen=50,
            day_limit_fen=80, expires_at_ms=expires_at_ms,
        )  # fmt: skip

    def payment(self, amount_fen: int) -> bytes:
        return self.orders.payment(self.story.payer, self.story.payee, amount_fen)

    def fresh(self) -> None:
        """Have orders signed at the time of the last block."""
        now_ms = self.forger.header(len(self.forger.blocks) - 1).time_ms
        self.orders.now_ms = lambda: now_ms

    def put_in_force(self, rulebook: Rulebook) -> None:
        """Have a rulebook apply from the next block on."""
        starts_at_ms = self.forger.header(len(self.forger.blocks) - 1).time_ms + 2
        self.library[rulebook.hash] = rulebook
        self.block(self.orders.rulebook(rulebook.hash, starts_at_ms))
