"""What may be paid only so far: the journal and its database hold the limit, whoever asks."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from jiaozi.wallet.errors import WalletMoved
from jiaozi.wallet.model import DEAD, Claim, Exchange, Standing, State
from jiaozi.wallet.store import Journal
from tests.wallet.test_journal import SETTLED, journal, order

__all__ = ["journal"]

SUBJECT, OTHER = b"s" * 32, b"o" * 32
REFUSED = Standing(state=State.REFUSED)


def claim(amount_fen: int, limit_fen: int = 100, subject: bytes = SUBJECT) -> Claim:
    return Claim(subject, amount_fen, limit_fen)


def test_orders_for_one_subject_never_pass_its_limit(journal: Journal) -> None:
    assert journal.store_claimed(order(1), claim(60))
    assert not journal.store_claimed(order(2), claim(41))
    assert journal.store_claimed(order(3), claim(40))
    assert not journal.store_claimed(order(4), claim(1))
    assert journal.store_claimed(order(5), claim(100, subject=OTHER))
    assert journal.find(order(2).order_id) is None


def test_what_can_settle_no_more_gives_room_again(journal: Journal) -> None:
    for serial, standing in ((1, DEAD), (2, SETTLED)):
        assert journal.store_claimed(order(serial), claim(100))
        journal.record({order(serial).order_id: standing})
    assert not journal.store_claimed(order(3), claim(1))
    assert [(each.amount_fen, each.counts) for each in journal.claimed(SUBJECT)] == [
        (100, False),
        (100, True),
    ]


def test_the_database_itself_holds_the_limit(journal: Journal) -> None:
    assert journal.store_claimed(order(1), claim(60))
    journal.store([order(2)])
    with pytest.raises(sqlite3.IntegrityError, match="more than its limit"):
        journal._connection.execute(
            "INSERT INTO claims VALUES (?, ?, 41, 100)", (order(2).order_id, SUBJECT)
        )


async def test_two_processes_at_once_do_not_pay_one_subject_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    def try_once(serial: int) -> bool:
        with Journal(path) as journal:
            return journal.store_claimed(order(serial), claim(100))

    Journal(path).close()
    stored = await asyncio.gather(*(asyncio.to_thread(try_once, each) for each in range(8)))
    assert sorted(stored) == [False] * 7 + [True]


def test_a_moved_journal_takes_nothing_new_and_keeps_what_is_open(journal: Journal) -> None:
    journal.store([order(1)])
    journal.mark_moved(1)
    exchange = Exchange(exchange_id=order(9).order_id, deposit_id="d", amount_fen=5)
    for new in (
        lambda: journal.store([order(2)]),
        lambda: journal.store_claimed(order(2), claim(1)),
        lambda: journal.store_exchange(exchange),
    ):
        with pytest.raises(WalletMoved):
            new()
    with pytest.raises(sqlite3.IntegrityError, match="moved"):
        journal._connection.execute(
            "INSERT INTO exchanges (exchange_id, deposit_id, amount_fen) VALUES (?, 'd', 1)",
            (order(9).order_id,),
        )
    journal.record({order(1).order_id: SETTLED})
    assert journal.open_count() == 0
    journal.mark_arrived()
    journal.store([order(2)])


def test_a_journal_of_the_first_version_learns_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.store([order(1)])
        for table in ("claims", "requests", "moved"):
            journal._connection.execute(f"DROP TABLE {table}")
        for trigger in ("nothing_is_ordered_after_a_move", "nothing_is_exchanged_after_a_move"):
            journal._connection.execute(f"DROP TRIGGER {trigger}")
        journal._connection.execute("PRAGMA user_version = 1")
    with Journal(path) as journal:
        assert journal.open_count() == 1
        assert journal.store_claimed(order(2), claim(100))
        assert not journal.store_claimed(order(3), claim(1))
