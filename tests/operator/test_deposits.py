"""The built-in core: every call once for its key, and books that add up."""

import asyncio
from importlib import resources

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jiaozi.operator.customers.model import Phone
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.deposits.model import CoreContradiction
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate
from tests.operator.clock import Clock

PHONE, OTHER_PHONE = Phone("+8613800000001"), Phone("+8613800000002")
PRIVACY = Privacy(
    wrapping=WrappingKeys({1: bytes(32)}.__getitem__), lookup_key=bytes(32), now_ms=Clock()
)
BOOKS_DIFFER = """
    SELECT id, balance_fen, posted_fen, held_fen, open_fen
    FROM (SELECT account.id, account.balance_fen, account.held_fen,
        coalesce((SELECT sum(amount_fen) FROM deposit_posting WHERE credit = account.id), 0)
        - coalesce((SELECT sum(amount_fen) FROM deposit_posting WHERE debit = account.id), 0)
            AS posted_fen,
        coalesce((SELECT sum(amount_fen) FROM deposit_hold
                  WHERE account_id = account.id AND state = 'held'), 0) AS open_fen
        FROM deposit_account AS account WHERE kind = 'customer') AS books
    WHERE balance_fen <> posted_fen OR held_fen <> open_fen
"""


@pytest.fixture
async def core(database: Database) -> LedgerCore:
    await migrate(database, resources.files("jiaozi.operator") / "migrations")
    return LedgerCore(database, PRIVACY)


async def standing(core: LedgerCore) -> tuple[int, int]:
    [deposit] = await core.accounts_of(PHONE)
    return deposit.balance_fen, deposit.held_fen


async def test_a_hold_sets_money_aside_once_for_its_key(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    for _ in range(3):
        await core.hold("a", deposit_id, 60)
    assert await standing(core) == (100, 60)
    with pytest.raises(Refusal) as refusal:
        await core.hold("b", deposit_id, 41)
    assert refusal.value.code is Code.DEPOSIT_INSUFFICIENT
    await core.hold("b", deposit_id, 40)


async def test_a_hold_that_was_taken_is_taken_although_the_rest_is_gone(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    await core.hold("a", deposit_id, 100)
    await core.hold("a", deposit_id, 100)
    await core.capture("a")
    await core.hold("a", deposit_id, 100)
    assert await standing(core) == (0, 0)


async def test_a_hold_ends_once(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    await core.hold("a", deposit_id, 30)
    await core.hold("b", deposit_id, 30)
    await asyncio.gather(*(core.capture("a") for _ in range(4)))
    await asyncio.gather(*(core.release("b") for _ in range(4)))
    assert await standing(core) == (70, 0)


async def test_a_released_key_is_never_held_again(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    await core.release("never held")
    await core.release("never held")
    await core.hold("given back", deposit_id, 30)
    await core.release("given back")
    for key in ("never held", "given back"):
        with pytest.raises(Refusal) as refusal:
            await core.hold(key, deposit_id, 30)
        assert refusal.value.code is Code.DEPOSIT_INSUFFICIENT
        with pytest.raises(CoreContradiction):
            await core.capture(key)
    assert await standing(core) == (100, 0)


async def test_a_hold_and_its_release_side_by_side_leave_nothing_held(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    for number in range(20):
        key = f"k{number}"
        await asyncio.gather(
            core.hold(key, deposit_id, 30), core.release(key), return_exceptions=True
        )
        await core.release(key)
        assert await standing(core) == (100, 0)


async def test_holds_side_by_side_never_exceed_the_balance(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    done = await asyncio.gather(
        *(core.hold(f"k{number}", deposit_id, 30) for number in range(8)), return_exceptions=True
    )
    assert done.count(None) == 3
    assert await standing(core) == (100, 90)


async def test_a_credit_comes_once_for_its_key(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 0)
    await asyncio.gather(*(core.credit("a", deposit_id, 25) for _ in range(4)))
    assert await standing(core) == (25, 0)


async def test_a_key_stands_for_one_thing(core: LedgerCore) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    other_id = await core.open_funded(OTHER_PHONE, 100)
    await core.hold("a", deposit_id, 10)
    await core.credit("c", deposit_id, 10)
    for contradiction in (
        core.hold("a", deposit_id, 11),
        core.hold("a", other_id, 10),
        core.capture("unknown"),
        core.credit("c", deposit_id, 11),
        core.credit("c", other_id, 10),
        core.credit("d", "nowhere", 10),
    ):
        with pytest.raises(CoreContradiction):
            await contradiction
    await core.capture("a")
    with pytest.raises(CoreContradiction):
        await core.release("a")
    assert await standing(core) == (100, 0)


async def test_the_tables_hold_the_rules_once_more(core: LedgerCore, database: Database) -> None:
    deposit_id = await core.open_funded(PHONE, 100)
    await core.hold("captured", deposit_id, 10)
    await core.capture("captured")
    await core.hold("held", deposit_id, 10)
    async with database.connection() as connection:
        for statement in (
            "UPDATE deposit_account SET balance_fen = -1 WHERE owner IS NOT NULL",
            "UPDATE deposit_account SET held_fen = balance_fen + 1 WHERE owner IS NOT NULL",
            "UPDATE deposit_account SET held_fen = -1 WHERE owner IS NOT NULL",
            "UPDATE deposit_hold SET state = 'released' WHERE key = 'captured'",
            "UPDATE deposit_hold SET amount_fen = 11 WHERE key = 'held'",
            "DELETE FROM deposit_hold",
            "UPDATE deposit_posting SET amount_fen = 1",
            "DELETE FROM deposit_posting",
            "TRUNCATE deposit_posting",
            "INSERT INTO deposit_posting VALUES ('x', 'funding', 'funding', 1)",
            "INSERT INTO deposit_posting VALUES ('x', 'funding', 'digital-yuan', 0)",
        ):
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.RaiseError)):
                await connection.execute(statement)


_KEYS = st.sampled_from("abc")
_AMOUNTS = st.integers(1, 60)
_CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), _KEYS, _AMOUNTS),
        st.tuples(st.just("credit"), _KEYS, _AMOUNTS),
        st.tuples(st.sampled_from(("capture", "release")), _KEYS, st.just(0)),
    ),
    max_size=20,
)


class _Model:
    """What the core shall do, in ten lines."""

    def __init__(self) -> None:
        self.balance, self.holds, self.credits = 100, dict[str, tuple[int, str]](), dict[str, int]()

    @property
    def held(self) -> int:
        return sum(amount for amount, state in self.holds.values() if state == "held")

    def takes(self, call: str, key: str, amount: int) -> bool:
        match call:
            case "hold" if key in self.holds:
                return self.holds[key] in ((amount, "held"), (amount, "captured"))
            case "hold" if amount <= self.balance - self.held:
                self.holds[key] = (amount, "held")
                return True
            case "credit":
                self.balance += amount if key not in self.credits else 0
                return self.credits.setdefault(key, amount) == amount
            case "capture" | "release" if key in self.holds:
                amount, state = self.holds[key]
                ended = {"capture": "captured", "release": "released"}[call]
                if state == "held":
                    self.holds[key] = (amount, ended)
                    self.balance -= amount if call == "capture" else 0
                return self.holds[key][1] == ended
            case "release":
                self.holds[key] = (0, "released")
                return True
            case _:
                return False


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=_CALLS)
def test_any_row_of_calls_leaves_books_that_add_up(
    calls: list[tuple[str, str, int]], database_dsn: str
) -> None:
    asyncio.run(_play(calls, database_dsn))


async def _play(calls: list[tuple[str, str, int]], dsn: str) -> None:
    async with await Database.open(dsn, pool_size=1) as database:
        await migrate(database, resources.files("jiaozi.operator") / "migrations")
        core, model = LedgerCore(database, PRIVACY), _Model()
        phone = await _fresh_phone(database)
        deposit_id = await core.open_funded(phone, 100)
        for call, key, amount in calls:
            full = f"{call in ('hold', 'capture', 'release')}/{deposit_id}/{key}"
            arguments = (deposit_id, amount) if amount else ()
            try:
                await getattr(core, call)(full, *arguments)
            except (Refusal, CoreContradiction):
                assert not model.takes(call, key, amount), (call, key, amount)
            else:
                assert model.takes(call, key, amount), (call, key, amount)
        [deposit] = await core.accounts_of(phone)
        assert (deposit.balance_fen, deposit.held_fen) == (model.balance, model.held)
        async with database.connection() as connection:
            assert await connection.fetch(BOOKS_DIFFER) == []


async def _fresh_phone(database: Database) -> Phone:
    async with database.connection() as connection:
        count = await connection.fetchval("SELECT count(*) FROM deposit_account")
    return Phone(f"+86{13900000000 + count}")
