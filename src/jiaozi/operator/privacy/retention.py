"""How long personal data is kept: a term for each record, and what is destroyed when it is over.

A destroyed data key makes its record unreadable for ever. Terms are counted from times that stand
in the database itself, so that a backup that is restored forgets the same things as soon as the
schedule has run on it (rules.md §F.5). The page docs/retention.md shows this schedule.

Source of the ten years: Anti-Money Laundering Law of 2024, article 34; of the rest: Personal
Information Protection Law, article 19, no longer than the purpose needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources

from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements

BATCH = 1_000
TEN_YEARS = timedelta(days=3653)
"""Never less than ten calendar years."""
NEVER_OPENED = timedelta(days=90)
CODE_USED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Statements:
    forget_used_codes: str
    destroy_evidence_of_closed: str
    destroy_evidence_of_unopened: str
    forget_phones_of_closed: str
    forget_phones_of_unopened: str
    forget_identifiers: str
    forget_accesses: str
    destroy_cases: str


_SQL = load_statements(_Statements, resources.files(__package__) / "retention.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the schedule.

    Attributes:
        statement: Takes the time before which terms began and a limit; returns a row for each
            record.
    """

    table: str
    record: str
    term: timedelta
    counts_from: str
    destroyed: str
    statement: str


SCHEDULE = (
    Term(
        table="registration",
        record="phone that a code was sent to, wallet opened",
        term=CODE_USED,
        counts_from="expiry of the code",
        destroyed="data key, digest",
        statement=_SQL.forget_used_codes,
    ),
    Term(
        table="evidence",
        record="phone, document, attestation of a closed wallet",
        term=TEN_YEARS,
        counts_from="end of the wallet",
        destroyed="data key",
        statement=_SQL.destroy_evidence_of_closed,
    ),
    Term(
        table="evidence",
        record="the same of a wallet that never opened",
        term=NEVER_OPENED,
        counts_from="end of its order",
        destroyed="data key",
        statement=_SQL.destroy_evidence_of_unopened,
    ),
    Term(
        table="wallet",
        record="digest of the phone of a closed wallet",
        term=TEN_YEARS,
        counts_from="end of the wallet",
        destroyed="digest",
        statement=_SQL.forget_phones_of_closed,
    ),
    Term(
        table="wallet",
        record="the same of a wallet that never opened",
        term=NEVER_OPENED,
        counts_from="end of its order",
        destroyed="digest",
        statement=_SQL.forget_phones_of_unopened,
    ),
    Term(
        table="holder_identifier",
        record="digests of a holder's phones and documents",
        term=timedelta(0),
        counts_from="the forgetting of the phone of the holder's last wallet",
        destroyed="row",
        statement=_SQL.forget_identifiers,
    ),
    Term(
        table="access_log",
        record="who opened a record and why",
        term=TEN_YEARS,
        counts_from="the access",
        destroyed="row",
        statement=_SQL.forget_accesses,
    ),
    Term(
        table="screening_case",
        record="whom a screening list named",
        term=TEN_YEARS,
        counts_from="the last hit",
        destroyed="data key",
        statement=_SQL.destroy_cases,
    ),
)
"""Run in this order, every day."""

KEPT: Mapping[str, str] = {
    "holder": "a random group; names nobody once its identifiers are gone",
    "deposit_account": "the built-in core's books; a bank's own core has its own schedule",
    "deposit_hold": "the operator's books",
    "deposit_posting": "the operator's books",
    "exchange": "the operator's books",
    "redemption": "the operator's books",
    "sweep": "the operator's books",
    "waterfall": "random numbers of wallet and deposit",
    "offline_device": "a public key; which wallet it is of, the registry knows too",
    "offline_order": "the registry's blocks say the same",
    "offline_load": "the registry's blocks say the same",
    "offline_payment": "the registry's blocks say the same",
    "offline_checkpoint": "what a device's next log is read from",
    "device_decision": "random; the file that it names is the office's",
    "offline_stranger": "certificates of public keys, for the officers",
    "offline_case": "a proof, which holds as long as anyone may ask for it",
    "vault_movement": "the operator's books",
    "signatory": "which wallet is a signatory's; the person is evidence",
    "certify_order": "the registry's blocks say the same",
    "payment_demand": "numbers and amounts; dropped when it has expired and the next one comes",
    "platform_token": "random; the holder takes it back",
    "wallet_event": "the registry's blocks say the same",
    "rebind_key": "a public key, gone with the end of its rebind",
    "rebind": "public keys and orders that the registry's blocks have",
    "freeze_case": "random; the file that it names is the office's",
    "freeze_lift": "random; the file that it names is the office's",
    "wallet_pin": "stretched under a secret; good for nothing without the wallet's key",
    "pin_reset": "the same, for a day",
    "countersignature": "the operator's books",
    "session": "dropped within minutes by itself",
    "history_entry": "the registry's blocks say the same; names nobody once the rest is gone",
}
"""Tables about holders from which nothing is destroyed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyAtTerm:
    """The use case; its dependencies."""

    database: Database
    now_ms: Callable[[], int]

    async def __call__(self) -> dict[str, int]:
        """Destroy what is due; return how many records of each table. Any number of times.

        Raises:
            StorageUnavailable: The database is gone; what was destroyed stays so.
        """
        destroyed: dict[str, int] = {}
        for each in SCHEDULE:
            count = await self._destroy(each)
            destroyed[each.table] = destroyed.get(each.table, 0) + count
        return destroyed

    async def _destroy(self, term: Term) -> int:
        before_ms = self.now_ms() - term.term // timedelta(milliseconds=1)
        count = 0
        while True:
            async with self.database.connection() as connection:
                done = len(await connection.fetch(term.statement, before_ms, BATCH))
            count += done
            if done < BATCH:
                return count
