"""The journal: on disk before it is sent, final when it is known, one payment once."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import DAY_MS, OrderId, new_order_id
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.wallet.errors import JournalMissing, JournalUnavailable, WalletMoved
from jiaozi.wallet.keystore import WalletPublic
from jiaozi.wallet.model import (
    DEAD,
    OPEN,
    Exchange,
    JournaledOrder,
    Note,
    PayrollKey,
    Purpose,
    SignedOrder,
    Standing,
    State,
)
from jiaozi.wallet.store import PAYROLL_KEPT_MS, Journal
from jiaozi.wallet.wallet import journal_path, open_journal
from tests.wallet.conftest import ANNA

NOW_MS = 1_790_000_000_000
SETTLED = Standing(state=State.SETTLED, height=3, position=1)
REFUSED = Standing(
    state=State.REFUSED, refusal=refuse(Code.LIMIT_DAY, 500, 7), height=3, position=2
)


def order(
    serial: int = 0, *, purpose: Purpose = Purpose.PAYMENT, at_ms: int = NOW_MS
) -> SignedOrder:
    """An order whose bytes tell its serial."""
    return SignedOrder(
        order_id=new_order_id(at_ms, serial.to_bytes(10, "big")),
        purpose=purpose,
        submission=b"order %d" % serial,
        expires_ms=at_ms + 1,
        deposit_id="deposit-1" if purpose is Purpose.REDEEM else None,
    )


def payment(payment_id: str = "P1", *, amount_fen: int = 100) -> PayrollKey:
    """A payment of message M1."""
    return PayrollKey(message_id="M1", payment_id=payment_id, payee=ANNA, amount_fen=amount_fen)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


def test_what_is_stored_is_found_open_by_whoever_opens_the_file_next(
    journal: Journal, tmp_path: Path
) -> None:
    stored = replace(order(), note=Note(salt=bytes(16), text="面"))
    journal.store([stored])

    with Journal(tmp_path / "journal.sqlite") as again:
        assert again.find(stored.order_id) == JournaledOrder(order=stored, standing=OPEN)
        assert again.open_orders(limit=10) == [stored]
        assert again.open_count() == 1


def test_the_file_is_for_its_owner_alone(journal: Journal, tmp_path: Path) -> None:
    journal.store([order()])
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_transaction_is_synced(journal: Journal) -> None:
    [synchronous] = journal._connection.execute("PRAGMA synchronous").fetchone()
    [mode] = journal._connection.execute("PRAGMA journal_mode").fetchone()
    assert (synchronous, mode) == (2, "wal")


@pytest.mark.parametrize("standing", [SETTLED, REFUSED, DEAD])
def test_an_outcome_is_final(journal: Journal, standing: Standing) -> None:
    stored = order()
    journal.store([stored])
    journal.record({stored.order_id: standing})
    for other in (SETTLED, REFUSED, DEAD, OPEN):
        journal.record({stored.order_id: other})

    found = journal.find(stored.order_id)
    assert found is not None
    assert found.standing.state is standing.state
    assert str(found.standing.refusal) == str(standing.refusal)
    assert journal.open_count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders SET state = 'open', outcome = NULL",
        "UPDATE orders SET state = 'dead', outcome = NULL",
        "UPDATE orders SET submission = x'00'",
        "UPDATE orders SET height = NULL",
    ],
)
def test_the_database_itself_refuses_to_change_an_outcome(journal: Journal, statement: str) -> None:
    stored = order()
    journal.store([stored])
    journal.record({stored.order_id: SETTLED})
    with pytest.raises(sqlite3.IntegrityError):
        journal._connection.execute(statement)


def test_orders_are_stored_all_or_none(journal: Journal) -> None:
    journal.store([order(1)])
    with pytest.raises(sqlite3.IntegrityError):
        journal.store([order(2), order(1)])
    assert journal.open_orders(limit=10) == [order(1)]


def test_open_orders_come_oldest_first_and_page_by_page(journal: Journal) -> None:
    journal.store([order(3), order(1), order(2)])
    assert journal.open_orders(limit=2) == [order(1), order(2)]
    assert journal.open_orders(after=order(2).order_id, limit=2) == [order(3)]


def test_a_payment_has_one_order(journal: Journal) -> None:
    first, second = order(1, purpose=Purpose.PAYROLL), order(2, purpose=Purpose.PAYROLL)

    assert journal.claim_payments([(payment(), first, None)]) == [True]
    assert journal.claim_payments([(payment(), second, None)]) == [False]
    assert journal.find_payment("M1", "P1") == (payment(), first.order_id)
    assert journal.find(second.order_id) is None


def test_of_two_claims_for_one_payment_in_a_batch_the_first_stands(journal: Journal) -> None:
    assert journal.claim_payments([(payment(), order(1), None), (payment(), order(2), None)]) == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("standing", "may"), [(OPEN, False), (SETTLED, False), (REFUSED, True), (DEAD, True)]
)
def test_only_an_order_that_can_settle_no_more_gives_way_to_another(
    journal: Journal, standing: Standing, may: bool
) -> None:
    first, second = order(1), order(2)
    journal.claim_payments([(payment(), first, None)])
    journal.record({first.order_id: standing})
    claim = [(payment(amount_fen=200), second, first.order_id)]

    if may:
        assert journal.claim_payments(claim) == [True]
        assert journal.find_payment("M1", "P1") == (payment(amount_fen=200), second.order_id)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            journal.claim_payments(claim)
        assert journal.find_payment("M1", "P1") == (payment(), first.order_id)
        assert journal.find(second.order_id) is None


def test_payroll_is_remembered_for_thirteen_months(journal: Journal) -> None:
    claims: list[tuple[PayrollKey, SignedOrder, OrderId | None]] = [
        (payment("P1"), order(1, at_ms=NOW_MS), None),
        (payment("P2"), order(2, at_ms=NOW_MS + DAY_MS), None),
        (payment("P3"), order(3, at_ms=NOW_MS), None),
    ]
    journal.claim_payments(claims)
    journal.record({claims[0][1].order_id: SETTLED, claims[1][1].order_id: SETTLED})

    journal.forget_payroll(now_ms=NOW_MS + PAYROLL_KEPT_MS)
    assert journal.find_payment("M1", "P1") is not None

    journal.forget_payroll(now_ms=NOW_MS + PAYROLL_KEPT_MS + 1)
    assert journal.find_payment("M1", "P1") is None
    assert journal.find_payment("M1", "P2") is not None
    assert journal.find_payment("M1", "P3") is not None, "it is still open"


@pytest.mark.parametrize("standing", [SETTLED, REFUSED, DEAD])
def test_an_exchange_is_open_until_its_outcome_is_known(
    journal: Journal, standing: Standing
) -> None:
    exchange = Exchange(exchange_id=order().order_id, deposit_id="deposit-1", amount_fen=5)
    journal.store_exchange(exchange)
    journal.record_exchange(exchange.exchange_id, OPEN)
    assert journal.open_exchanges() == [exchange]
    assert journal.open_count() == 1

    journal.record_exchange(exchange.exchange_id, standing)
    journal.record_exchange(exchange.exchange_id, SETTLED)
    assert journal.open_exchanges() == []


def test_a_full_disk_stores_nothing_and_says_so(journal: Journal) -> None:
    journal._connection.execute("PRAGMA max_page_count = 20")
    big = [replace(order(serial), submission=bytes(4000)) for serial in range(50)]

    with pytest.raises(JournalUnavailable, match="full"):
        journal.store(big)
    assert journal.open_count() == 0
    journal.store([order()])


def test_a_journal_that_is_no_database_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(JournalUnavailable):
        Journal(path)


def test_a_page_that_was_damaged_is_told_before_anything_is_sent(
    journal: Journal, tmp_path: Path
) -> None:
    journal.close()
    path = tmp_path / "journal.sqlite"
    whole = path.read_bytes()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :])
        with pytest.raises(JournalUnavailable):
            Journal(path)


@pytest.mark.parametrize("is_emptied", [False, True])
def test_an_open_wallet_whose_journal_is_gone_is_told_once(
    tmp_path: Path, *, is_emptied: bool
) -> None:
    open_wallet = WalletPublic(
        number=ANNA, operator_url="http://operator.test", network=NetworkId(bytes(32)),
        root_key=bytes(32), block_key=bytes(32), public_key=bytes(32),
    )  # fmt: skip
    if is_emptied:
        journal_path(tmp_path).touch()
    with pytest.raises(JournalMissing, match="before you pay anything again"):
        open_journal(tmp_path, open_wallet)
    with open_journal(tmp_path, open_wallet) as journal:
        journal.store([order()])


def test_a_wallet_that_is_not_open_yet_begins_its_journal(tmp_path: Path) -> None:
    begun = WalletPublic(
        number=None, operator_url="http://operator.test", network=NetworkId(bytes(32)),
        root_key=bytes(32), block_key=bytes(32), public_key=bytes(32),
    )  # fmt: skip
    open_journal(tmp_path, begun).close()


def test_a_journal_of_a_later_version_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    journal._connection.execute("PRAGMA user_version = 4")
    with pytest.raises(JournalUnavailable, match="later version"):
        Journal(tmp_path / "journal.sqlite")


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_journal_of_an_earlier_version_keeps_all_it_has_and_takes_orders_about_the_wallet(
    tmp_path: Path, is_moved: bool
) -> None:
    path = tmp_path / "journal.sqlite"
    schema = files("jiaozi.wallet").joinpath("store.sql").read_text()
    earlier = schema.replace(", 'life'", "").replace("user_version = 3", "user_version = 2")
    noted = replace(order(1), note=Note(salt=b"s" * 16, text="rent"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(earlier)
    connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        for each in (noted, order(2)):
            row = (each.order_id, each.purpose, each.submission, each.expires_ms)
            connection.execute(
                "INSERT INTO orders (order_id, purpose, submission, expires_ms)"
                " VALUES (?, ?, ?, ?)",
                row,
            )
        connection.execute("INSERT INTO notes VALUES (?, ?, 'rent')", (noted.order_id, b"s" * 16))
        connection.execute("INSERT INTO payroll VALUES ('M1', 'P1', 7, 9, ?)", (order(2).order_id,))
        if is_moved:
            connection.execute("INSERT INTO moved VALUES (1, 1)")

    about = order(3, purpose=Purpose.LIFE)
    with Journal(path) as journal:
        assert journal.open_orders(limit=9) == [noted, order(2)]
        found = journal.find_payment("M1", "P1")
        assert found is not None
        assert found[1] == order(2).order_id
        assert not journal._connection.execute("PRAGMA foreign_key_check").fetchall()
        if is_moved:
            with pytest.raises(WalletMoved):
                journal.store([about])
            with pytest.raises(sqlite3.IntegrityError):
                journal._connection.execute(
                    "INSERT INTO orders (order_id, purpose, submission, expires_ms)"
                    " VALUES (?, 'life', x'00', 1)",
                    (about.order_id,),
                )
        else:
            journal.store([about])
            assert journal.open_count() == 3
    with Journal(path) as again, pytest.raises(sqlite3.IntegrityError):
        again.record({order(2).order_id: SETTLED})
        again._connection.execute("UPDATE orders SET state = 'open' WHERE state = 'settled'")
