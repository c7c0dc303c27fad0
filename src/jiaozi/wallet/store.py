"""The journal: every order stands on disk before it is sent, and its outcome once it is known.

A small SQLite file of the wallet's own (`store.sql`). Each method is one transaction that is synced
to disk when it returns (WAL, ``synchronous=FULL``), and safe beside another process of the same
wallet. Outcomes are final: the database refuses to change one.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from jiaozi.protocol import cbor
from jiaozi.protocol.ids import DAY_MS, OrderId, new_order_id
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.errors import JournalUnavailable, WalletMoved
from jiaozi.wallet.model import (
    Claim,
    ClaimedOrder,
    Exchange,
    JournaledOrder,
    Note,
    OwnRequest,
    PayrollKey,
    Purpose,
    SignedOrder,
    Standing,
    State,
)

PAYROLL_KEPT_MS = 397 * DAY_MS
"""Thirteen months, counted the longest way."""

_SCHEMA_VERSION = 3
_LOCK_WAIT_S = 30.0
_CHECKED_BYTES_MAX = 64 << 20
_OUTCOME_BYTES_MAX = 4096
_SETTLED = cbor.encode([0])

# SQLite changes no CHECK in place: the orders move into a table made anew. Orders that stand in a
# wallet that was moved move too, so the trigger against new ones comes after them.
_MAKE_ROOM = """
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
BEGIN IMMEDIATE;
DROP INDEX IF EXISTS open_orders;
DROP TRIGGER IF EXISTS outcome_is_final;
DROP TRIGGER IF EXISTS nothing_is_ordered_after_a_move;
ALTER TABLE orders RENAME TO orders_before;
"""
_MOVE = """
DROP TRIGGER nothing_is_ordered_after_a_move;
INSERT INTO orders SELECT * FROM orders_before;
DROP TABLE orders_before;
"""
_DONE = """
COMMIT;
PRAGMA legacy_alter_table = OFF;
PRAGMA foreign_keys = ON;
"""


class Journal:
    """An open journal: one per thread, in any number of processes.

    Attributes:
        is_new: Whether nothing was there before.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal, made if missing, for its owner alone.

        Raises:
            JournalUnavailable: It cannot be read or written, is damaged, or a later version wrote
                it.
        """
        self._path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._check_whole()
            [version] = self._connection.execute("PRAGMA user_version").fetchone()
            self.is_new = version == 0
            if version < _SCHEMA_VERSION:
                self._connection.executescript(_schema_after(version))
        if version > _SCHEMA_VERSION:
            raise JournalUnavailable(detail=f"A later version of this program wrote {path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is pending, since every method syncs what it wrote."""
        self._connection.close()

    def _check_whole(self) -> None:
        """Read all pages; those of a large journal are checked when they are needed."""
        if self._path.stat().st_size <= _CHECKED_BYTES_MAX:
            [found] = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise JournalUnavailable(detail=f"The journal {self._path} is damaged: {found}")

    def store(self, orders: Sequence[SignedOrder]) -> None:
        """Store orders as open, all or none.

        Raises:
            JournalUnavailable: Nothing was stored, so nothing may be sent.
        """
        with self._transaction():
            self._insert(orders)

    def store_claimed(self, order: SignedOrder, claim: Claim) -> bool:
        """Store an order as open, unless the orders for its subject may then pass their limit.

        Returns:
            Whether it was stored; only then may it be sent.

        Raises:
            JournalUnavailable: Nothing was stored.
        """
        with self._transaction():
            taken_fen = sum(each.amount_fen for each in self._claimed(claim.subject) if each.counts)
            if claim.amount_fen > claim.limit_fen - taken_fen:
                return False
            self._insert([order])
            self._connection.execute(
                "INSERT INTO claims (order_id, subject, amount_fen, limit_fen) VALUES (?, ?, ?, ?)",
                (order.order_id, claim.subject, claim.amount_fen, claim.limit_fen),
            )
            return True

    def claimed(self, subject: bytes) -> list[ClaimedOrder]:
        """Return what was ordered for a subject, oldest first."""
        with self._explained():
            return self._claimed(subject)

    def store_request(self, request: OwnRequest) -> None:
        """Keep a payment request that this wallet makes.

        Raises:
            JournalUnavailable: It was not kept, so it may not be handed out.
        """
        with self._transaction():
            self._connection.execute(
                "INSERT INTO requests (request_id, reference, amount_fen, expires_ms, note, text)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    request.request_id, request.reference, request.amount_fen,
                    request.expires_ms, request.note, request.text,
                ),
            )  # fmt: skip

    def requests(self, *, limit: int) -> list[OwnRequest]:
        """Return the payment requests of this wallet, newest first."""
        rows = self._rows(
            "SELECT request_id, reference, amount_fen, expires_ms, note, text FROM requests"
            " ORDER BY request_id DESC LIMIT ?",
            limit,
        )
        return [OwnRequest(*row) for row in rows]

    def requested_note(self, reference: bytes) -> str | None:
        """Return the note of this wallet's own request with a reference."""
        rows = self._rows("SELECT note FROM requests WHERE reference = ?", reference)
        return str(rows[0]["note"]) if rows else None

    def record(self, standings: Mapping[OrderId, Standing]) -> None:
        """Note what became of orders, all or none; the same again changes nothing.

        Raises:
            JournalUnavailable: Nothing was noted; the orders stay as they are.
        """
        with self._transaction():
            self._connection.executemany(
                "UPDATE orders SET state = ?, outcome = ?, height = ?, position = ?"
                " WHERE order_id = ? AND state = 'open'",
                [
                    (each.state, _outcome(each), each.height, each.position, order_id)
                    for order_id, each in standings.items()
                    if each.state is not State.OPEN
                ],
            )

    def find(self, order_id: bytes) -> JournaledOrder | None:
        """Return one order, or None when this journal does not hold it."""
        rows = self._rows(
            "SELECT * FROM orders LEFT JOIN notes USING (order_id) WHERE order_id = ?",
            order_id,
        )
        return _journaled(rows[0]) if rows else None

    def open_orders(self, *, after: bytes = b"", limit: int) -> list[SignedOrder]:
        """Return unfinished orders by id, so oldest first."""
        rows = self._rows(
            "SELECT * FROM orders LEFT JOIN notes USING (order_id)"
            " WHERE state = 'open' AND order_id > ? ORDER BY order_id LIMIT ?",
            after,
            limit,
        )
        return [_journaled(row).order for row in rows]

    def open_count(self) -> int:
        """Return how many orders and exchanges are unfinished."""
        [row] = self._rows(
            "SELECT (SELECT count(*) FROM orders WHERE state = 'open')"
            " + (SELECT count(*) FROM exchanges WHERE state = 'open') AS number"
        )
        return int(row["number"])

    def find_payment(self, message_id: str, payment_id: str) -> tuple[PayrollKey, OrderId] | None:
        """Return what pays a payment of a payroll message, or None when nothing does."""
        rows = self._rows(
            "SELECT payee, amount_fen, order_id FROM payroll"
            " WHERE message_id = ? AND payment_id = ?",
            message_id,
            payment_id,
        )
        if not rows:
            return None
        payee, amount_fen, order_id = rows[0]
        key = PayrollKey(
            message_id=message_id,
            payment_id=payment_id,
            payee=AccountNumber(payee),
            amount_fen=amount_fen,
        )
        return key, OrderId(order_id)

    def claim_payments(
        self, claims: Iterable[tuple[PayrollKey, SignedOrder, OrderId | None]]
    ) -> list[bool]:
        """Store each order as the one that pays its payment, and say which were stored.

        A claim names the order whose place it takes, None for a payment that has none. It fails
        when another process was faster, so no payment ever has two orders that can settle.

        Raises:
            JournalUnavailable: Nothing was stored.
        """
        with self._transaction():
            return [self._claim(key, order, instead_of) for key, order, instead_of in claims]

    def forget_payroll(self, *, now_ms: int) -> None:
        """Drop the keys of payroll orders that are older than `PAYROLL_KEPT_MS` and finished.

        ``now_ms`` is the registry's time: by a clock that is ahead, payments would be forgotten
        and paid again once it is set right.
        """
        oldest_kept = new_order_id(max(0, now_ms - PAYROLL_KEPT_MS), bytes(10))
        with self._transaction():
            self._connection.execute(
                "DELETE FROM payroll WHERE order_id < ? AND order_id NOT IN"
                " (SELECT order_id FROM orders WHERE state = 'open')",
                (oldest_kept,),
            )

    def store_exchange(self, exchange: Exchange) -> None:
        """Store an exchange as open.

        Raises:
            JournalUnavailable: It was not stored, so it may not be sent.
        """
        with self._transaction():
            self._check_here()
            self._connection.execute(
                "INSERT INTO exchanges (exchange_id, deposit_id, amount_fen) VALUES (?, ?, ?)",
                (exchange.exchange_id, exchange.deposit_id, exchange.amount_fen),
            )

    def record_exchange(self, exchange_id: OrderId, standing: Standing) -> None:
        """Note what became of an exchange; the same again changes nothing."""
        if standing.state is State.OPEN:
            return
        with self._transaction():
            self._connection.execute(
                "UPDATE exchanges SET state = ?, outcome = ?"
                " WHERE exchange_id = ? AND state = 'open'",
                (standing.state, _outcome(standing), exchange_id),
            )

    def open_exchanges(self) -> list[Exchange]:
        """Return unfinished exchanges, oldest first."""
        rows = self._rows(
            "SELECT exchange_id, deposit_id, amount_fen FROM exchanges WHERE state = 'open'"
            " ORDER BY exchange_id"
        )
        return [
            Exchange(exchange_id=OrderId(row[0]), deposit_id=row[1], amount_fen=row[2])
            for row in rows
        ]

    def is_moved(self) -> bool:
        """Say whether the wallet goes on elsewhere."""
        return bool(self._rows("SELECT 1 FROM moved"))

    def mark_moved(self, now_ms: int) -> None:
        """Note that the wallet goes on elsewhere; the database takes no new order from then on."""
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO moved VALUES (1, ?)", (now_ms,))

    def mark_arrived(self) -> None:
        """Note that this copy is the one that goes on."""
        with self._transaction():
            self._connection.execute("DELETE FROM moved")

    def snapshot(self) -> bytes:
        """Return the whole journal as the bytes of a database file."""
        with self._explained(), closing(sqlite3.connect(":memory:")) as copy:
            self._connection.backup(copy)
            return copy.serialize()

    def _claimed(self, subject: bytes) -> list[ClaimedOrder]:
        rows = self._connection.execute(
            "SELECT order_id, amount_fen, state FROM claims JOIN orders USING (order_id)"
            " WHERE subject = ? ORDER BY order_id",
            (subject,),
        ).fetchall()
        return [ClaimedOrder(OrderId(row[0]), row[1], State(row[2])) for row in rows]

    def _check_here(self) -> None:
        if self._connection.execute("SELECT 1 FROM moved").fetchone() is not None:
            raise WalletMoved(detail="The keys of this wallet were exported")

    def _insert(self, orders: Sequence[SignedOrder]) -> None:
        self._check_here()
        self._connection.executemany(
            "INSERT INTO orders (order_id, purpose, submission, deposit_id, expires_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (each.order_id, each.purpose, each.submission, each.deposit_id, each.expires_ms)
                for each in orders
            ],
        )
        self._connection.executemany(
            "INSERT INTO notes (order_id, salt, note) VALUES (?, ?, ?)",
            [(each.order_id, each.note.salt, each.note.text) for each in orders if each.note],
        )

    def _claim(self, key: PayrollKey, order: SignedOrder, instead_of: OrderId | None) -> bool:
        found = self._connection.execute(
            "SELECT order_id FROM payroll WHERE message_id = ? AND payment_id = ?",
            (key.message_id, key.payment_id),
        ).fetchone()
        if (None if found is None else found[0]) != instead_of:
            return False
        self._insert([order])
        self._connection.execute(
            "INSERT INTO payroll (message_id, payment_id, payee, amount_fen, order_id)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (message_id, payment_id) DO UPDATE SET"
            " payee = excluded.payee, amount_fen = excluded.amount_fen,"
            " order_id = excluded.order_id",
            (key.message_id, key.payment_id, key.payee, key.amount_fen, order.order_id),
        )
        return True

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._explained():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Take the write lock first, so that what is read inside still holds at the commit."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Tell a holder what a database or a disk said; a broken constraint is our own fault."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            raise JournalUnavailable(detail=f"The journal {self._path}: {error}") from error


def _schema_after(version: int) -> str:
    """Return the statements that make the schema, of a journal that is new or of a version."""
    schema = files("jiaozi.wallet").joinpath("store.sql").read_text()
    return schema if version == 0 else "\n".join((_MAKE_ROOM, schema, _MOVE, schema, _DONE))


def _outcome(standing: Standing) -> bytes | None:
    refusal = standing.refusal
    if standing.state is State.REFUSED and refusal is not None:
        return cbor.encode([int(refusal.code), *refusal.fields.values()])
    return _SETTLED if standing.state is State.SETTLED else None


def _refusal(outcome: bytes | None) -> Refusal | None:
    if outcome is None or outcome == _SETTLED:
        return None
    values = cbor.decode(outcome, size_max=_OUTCOME_BYTES_MAX)
    assert isinstance(values, list)
    return refuse(Code(values[0]), *values[1:])


def _journaled(row: sqlite3.Row) -> JournaledOrder:
    order = SignedOrder(
        order_id=OrderId(row["order_id"]),
        purpose=Purpose(row["purpose"]),
        submission=row["submission"],
        expires_ms=row["expires_ms"],
        deposit_id=row["deposit_id"],
        note=Note(salt=row["salt"], text=row["note"]) if row["salt"] is not None else None,
    )
    standing = Standing(
        state=State(row["state"]),
        refusal=_refusal(row["outcome"]),
        height=row["height"],
        position=row["position"],
    )
    return JournaledOrder(order=order, standing=standing)
