"""Everything that is held on a person, as one JSON document, table by table.

::

    {"format": "jiaozi-export/1", "made_ms": ..., "wallets": [number, ...],
     "tables": {"evidence": [{..., "personal": {"phone": ...}}, ...], "history_entry": [...], ...}}

A wallet's key gets what belongs to that wallet: another wallet of the same holder may have been
opened by whoever had the phone then (customers/identify.py). An office, whose request is on record,
gets all wallets of the holder. Every record is opened, and the access to it written down and
committed, before the first byte goes out; the rest is streamed.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

import asyncpg

from jiaozi.operator.customers.privacy import Privacy, Sealed
from jiaozi.operator.privacy.access import Access
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.queries import load_statements

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Statements:
    wallets_of_holder: str
    sealed_evidence: str
    sealed_registrations: str
    holder: str
    holder_identifier: str
    wallet: str
    deposit_account: str
    deposit_hold: str
    deposit_posting: str
    exchange: str
    redemption: str
    sweep: str
    waterfall: str
    offline_device: str
    offline_order: str
    offline_load: str
    offline_payment: str
    offline_checkpoint: str
    history_entry: str
    wallet_event: str
    rebind_key: str
    rebind: str
    freeze_case: str
    freeze_lift: str
    wallet_pin: str
    pin_reset: str
    countersignature: str
    session: str
    access_log: str
    signatory: str
    certify_order: str
    payment_demand: str
    platform_token: str


_SQL = load_statements(_Statements, resources.files(__package__) / "export.sql")

SEALED: Mapping[str, str] = {
    "evidence": _SQL.sealed_evidence,
    "registration": _SQL.sealed_registrations,
}
"""Statements for the sealed records of some wallets, by table."""

PLAIN: Mapping[str, str] = {
    "holder": _SQL.holder,
    "holder_identifier": _SQL.holder_identifier,
    "wallet": _SQL.wallet,
    "deposit_account": _SQL.deposit_account,
    "deposit_hold": _SQL.deposit_hold,
    "deposit_posting": _SQL.deposit_posting,
    "exchange": _SQL.exchange,
    "redemption": _SQL.redemption,
    "sweep": _SQL.sweep,
    "waterfall": _SQL.waterfall,
    "offline_device": _SQL.offline_device,
    "offline_order": _SQL.offline_order,
    "offline_load": _SQL.offline_load,
    "offline_payment": _SQL.offline_payment,
    "offline_checkpoint": _SQL.offline_checkpoint,
    "history_entry": _SQL.history_entry,
    "wallet_event": _SQL.wallet_event,
    "rebind_key": _SQL.rebind_key,
    "rebind": _SQL.rebind,
    "freeze_case": _SQL.freeze_case,
    "freeze_lift": _SQL.freeze_lift,
    "wallet_pin": _SQL.wallet_pin,
    "pin_reset": _SQL.pin_reset,
    "countersignature": _SQL.countersignature,
    "session": _SQL.session,
    "access_log": _SQL.access_log,
    "signatory": _SQL.signatory,
    "certify_order": _SQL.certify_order,
    "payment_demand": _SQL.payment_demand,
    "platform_token": _SQL.platform_token,
}
"""Statements for all other rows about some wallets, by table."""

WITHHELD: Mapping[str, str] = {
    "screening_case": "whoever is told of a case is warned; an office asks the compliance officer",
    "device_decision": "which clerk decided for which file is the office's to tell",
    "offline_case": "a proof against a device goes to the officers first",
    "offline_stranger": "what a stolen key made goes to the officers first",
    "vault_movement": "the vault's side of what history_entry tells of the wallet",
}
"""Tables about holders that are not in their export, and why."""

ABOUT_NOBODY: Mapping[str, str] = {
    "carried_operator": "codes of failed operators",
    "code_source": "digests of addresses that asked for codes, for an hour",
    "daily_statement": "the operator's days, in sums",
    "equivocation": "the registry's headers that contradict each other",
    "feed_cursor": "how far the feed was read",
    "header": "the registry's headers",
    "header_cursor": "how far the headers were read",
    "issue_code": "hashes of random codes, and the clerk who made them",
    "login_used": "hashes of challenges, for a minute",
    "network": "the genesis",
    "request_nonce": "hashes of requests, for minutes",
    "schema_migration": "what was applied to the database",
    "wrapping_key": "numbers of keys",
    "offline_given_up": "how many there were on a day",
}
"""Tables without a word about a holder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPerson:
    """The use case; its dependencies."""

    database: Database
    privacy: Privacy
    now_ms: Callable[[], int]

    async def of_wallet(self, wallet: int, access: Access) -> AsyncIterator[str]:
        """Return the document about one wallet, in pieces.

        Raises:
            StorageUnavailable: The database is gone, or an access could not be written down.
        """
        return await self._export([wallet], access)

    async def of_holder(self, wallet: int, access: Access) -> AsyncIterator[str] | None:
        """Return the document about all wallets of a wallet's holder; None without such a wallet.

        Raises:
            StorageUnavailable: As `of_wallet`.
        """
        async with self.database.connection() as connection:
            rows = await connection.fetch(_SQL.wallets_of_holder, wallet)
        return await self._export([row["number"] for row in rows], access) if rows else None

    async def _export(self, wallets: Sequence[int], access: Access) -> AsyncIterator[str]:
        async with self.database.connection() as connection:
            opened = {
                table: [
                    await self._open(connection, table, row, access)
                    for row in await connection.fetch(statement, wallets)
                ]
                for table, statement in SEALED.items()
            }
        return self._pieces(wallets, opened)

    async def _open(
        self, connection: Connection, table: str, row: asyncpg.Record, access: Access
    ) -> str:
        document = json.loads(row["document"])
        document["personal"] = None
        if row["data_key"] is not None:
            record, sealed = f"{table}/{row['id']}", Sealed(row["data_key"], row["sealed"])
            of_wallet = replace(access, wallet=row["wallet"])
            document["personal"] = await self.privacy.open(connection, record, sealed, of_wallet)
        return json.dumps(document, ensure_ascii=False)

    async def _pieces(
        self, wallets: Sequence[int], opened: Mapping[str, Sequence[str]]
    ) -> AsyncIterator[str]:
        head = {
            "format": "jiaozi-export/1",
            "made_ms": self.now_ms(),
            "wallets": [format_number(AccountNumber(each)) for each in wallets],
        }
        yield json.dumps(head).removesuffix("}") + ', "tables": {'
        for table, documents in opened.items():
            yield f'"{table}": [{", ".join(documents)}], '
        async with self.database.transaction(isolation="repeatable_read", readonly=True) as it:
            for number, (table, statement) in enumerate(PLAIN.items()):
                yield f'{", " if number else ""}"{table}": ['
                separator = ""
                async for row in it.cursor(statement, wallets, prefetch=_ROWS_AT_ONCE):
                    yield f"{separator}{row['document']}"
                    separator = ", "
                yield "]"
        yield "}}"
