"""A person is given all that is held on it and told who looked; nobody looks unseen."""

import asyncio
import inspect
import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jiaozi.cli.operator import app
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose, clerk
from jiaozi.operator.privacy.export import ABOUT_NOBODY, PLAIN, SEALED, WITHHELD
from jiaozi.protocol.numbers import format_number
from jiaozi.service.files import write_whole
from tests.operator.builders import OperatorWorld, new_phone
from tests.operator.holders import Holder
from tests.operator.test_sessions import log_in
from tests.operator.under import open_sub_wallet

DOCUMENT = {"type": "passport", "number": "E12345678", "name": "Ada 王", "country": "SGP"}


async def exported(holder: Holder) -> dict[str, Any]:
    answer = await holder.ask("GET", f"{holder.path}/export")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def accesses(holder: Holder, query: str = "") -> list[dict[str, Any]]:
    answer = await holder.ask("GET", f"{holder.path}/accesses{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["accesses"])


_ORDER = "(SELECT order_id FROM certify_order WHERE wallet = $1)"
_OF_A_WALLET = (
    "INSERT INTO rebind_key (wallet, suite, public_key) VALUES ($1, -8, $2)",
    "INSERT INTO rebind (id, registration_id, wallet, suite, public_key, request_id, next_try_ms)"
    f" VALUES (gen_random_uuid(), gen_random_uuid(), $1, -8, $2, {_ORDER}, 0)",
    "INSERT INTO freeze_case (case_id, wallet, order_id, clerk, file_number)"
    f" VALUES (substr($2::bytea, 1, 16), $1, {_ORDER}, 'C-1', 'file of an office')",
    "INSERT INTO freeze_lift (case_id, wallet, order_id, clerk, file_number)"
    f" VALUES (substr($2::bytea, 17), $1, {_ORDER}, 'C-1', 'file of an office')",
    "INSERT INTO waterfall (wallet, deposit_id, chosen_ms) VALUES ($1, encode($2, 'hex'), 1)",
    "INSERT INTO sweep (identity, wallet, order_id, amount_fen, height, position, created_ms,"
    f" state, next_try_ms) SELECT $2, $1, {_ORDER}, 1, 1, 1, 1, 'settled', {2**62}",
    "INSERT INTO payment_demand (sub_wallet, identity, request, expires_ms)"
    " VALUES ($1, $2, 'jiaozi:', 1)",
    "INSERT INTO pin_reset (wallet, public_key, salt, digest, memory_kib, passes, lanes,"
    " change_id, due_ms) SELECT wallet, $2, salt, digest, memory_kib, passes, lanes, change_id, 1"
    " FROM wallet_pin WHERE wallet = $1",
)
"""Rows of a wallet ($1), with 32 bytes of chance ($2)."""
_BYTES32 = "decode(repeat('ab', 32), 'hex')"
_OF_A_DEVICE = (
    "INSERT INTO offline_device (key, wallet, profile, created_ms) VALUES ($1, $2, 1, 1)",
    "INSERT INTO offline_load (device, number, wallet, amount_fen, identity, height)"
    f" VALUES ($1, 1, $2, 1, {_BYTES32}, 1)",
    "INSERT INTO offline_payment (identity, device, counter, position, wallet, amount_fen, payment,"
    " state, expires_ms, created_ms, next_try_ms)"
    " VALUES ($1, $1, 1, 1, $2, 1, '', 'settled', 1, 1, 1)",
    "INSERT INTO offline_order (order_id, order_type, device, scope, submission, identity,"
    " expires_ms, state, created_ms, next_try_ms)"
    f" SELECT substr($1::bytea, 1, 16), 44, $1, $2, '', {_BYTES32}, 1, 'dead', 1, 1",
    "INSERT INTO offline_checkpoint (device, number, position, head, message, time_message,"
    f" created_ms) SELECT $1, 1, 1, {_BYTES32}, '', '', $2",
)
"""Rows of a device ($1) of a wallet ($2)."""


async def busy_holder(world: OperatorWorld) -> Holder:
    """Somebody with a row in every table that can have one."""
    holder = await world.open_wallet(
        wallet_class=3, evidence={"identity_document": DOCUMENT}, deposit_fen=500
    )
    await holder.exchange(200)
    await holder.ask("PUT", f"{holder.path}/class", {"wallet_class": 4})
    sub = await open_sub_wallet(world, holder)
    await holder.ask("PUT", f"{holder.path}/sub-wallets/{sub.key_id}/platforms/{sub.key_id}")
    await holder.redeem(holder.redeem_order(50))
    pin = {"change_id": "00" * 16, "pin": "602817"}
    assert (await holder.ask("POST", f"{holder.path}/pin", pin)).status_code == 200
    body = holder.countersigning(holder.redeem_order(1), "602817")
    answer = await holder.ask("POST", f"{holder.path}/countersignatures", body)
    assert answer.status_code == 200
    await log_in(holder)
    await world.until_followed()
    one = secrets.token_bytes(32)
    async with world.database.connection() as connection:
        for statement in _OF_A_WALLET:
            await connection.execute(statement, holder.number, one)
        for statement in _OF_A_DEVICE:
            await connection.execute(statement, one, holder.number)
    return holder


async def test_an_export_has_every_table_and_opens_what_is_sealed(world: OperatorWorld) -> None:
    holder = await busy_holder(world)
    document = await exported(holder)
    assert document["wallets"] == [format_number(holder.number)]
    tables = document["tables"]
    assert tables.keys() == PLAIN.keys() | SEALED.keys()
    assert [name for name, rows in tables.items() if not rows] == ["signatory"]
    shown = {each["kind"]: each["personal"] for each in tables["evidence"]}
    assert shown == {"phone": {"phone": holder.phone}, "document": DOCUMENT}
    assert tables["registration"][0]["personal"] == {"phone": holder.phone}
    for withheld in ("data_key", "file of an office"):
        assert withheld not in json.dumps(document)


async def test_every_table_of_the_database_is_exported_or_about_nobody(
    world: OperatorWorld,
) -> None:
    """A new table goes into operator/privacy/export.py, with a statement or with a reason."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row[0] for row in rows} == (
        PLAIN.keys() | SEALED.keys() | WITHHELD.keys() | ABOUT_NOBODY.keys()
    )


async def test_every_row_that_names_a_wallet_is_in_its_export(world: OperatorWorld) -> None:
    """By the columns themselves: what a statement forgets to select is missed here."""
    holder, other = await busy_holder(world), await busy_holder(world)
    tables = (await exported(holder))["tables"]
    async with world.database.connection() as connection:
        columns = await connection.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'wallet'"
        )
        for (table,) in columns:
            held = await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE wallet = $1", holder.number
            )
            assert len(tables[table]) >= held > 0, table
    assert str(other.number) not in json.dumps(tables)


async def test_a_wallet_gets_nothing_that_was_shown_for_another_of_its_holder(
    world: OperatorWorld,
) -> None:
    phone = new_phone()
    first = await world.open_wallet(phone=phone, deposit_fen=700)
    second = await world.open_wallet(
        phone=phone, wallet_class=3, evidence={"identity_document": DOCUMENT}
    )
    tables = (await exported(first))["tables"]
    assert [each["kind"] for each in tables["evidence"]] == ["phone"]
    assert [each["kind"] for each in tables["holder_identifier"]] == ["phone"]
    assert [each["number"] for each in tables["wallet"]] == [first.number]
    assert len((await exported(second))["tables"]["evidence"]) == 2


async def test_a_phone_that_changed_hands_exports_no_deposit_of_its_first_holder(
    world: OperatorWorld,
) -> None:
    phone = new_phone()
    await world.open_wallet(
        phone=phone, wallet_class=3, evidence={"identity_document": DOCUMENT}, deposit_fen=700
    )
    later = await world.open_wallet(phone=phone)
    tables = (await exported(later))["tables"]
    assert (tables["deposit_account"], tables["deposit_posting"]) == ([], [])


async def test_the_holder_is_told_of_every_access(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(deposit_fen=1), await world.open_wallet()
    await holder.ask("GET", "/v1/deposits")
    await exported(holder)
    told = await accesses(holder)
    assert [each["purpose"] for each in told] == [
        "show_holder", "show_holder", "reach_deposits", "open_wallet",
    ]  # fmt: skip
    assert {each["actor"] for each in told} == {"holder"}
    assert [each["id"] for each in await accesses(holder, "?limit=2")] == [
        each["id"] for each in told[:2]
    ]
    before = f"?before={told[1]['id']}"
    assert await accesses(holder, before) == told[2:]
    assert [each["purpose"] for each in await accesses(other)] == ["open_wallet"]


async def test_nothing_is_opened_that_is_not_written_down_first(world: OperatorWorld) -> None:
    """No log row, no data: neither by the signature nor by a log that cannot be written."""
    assert "access" in inspect.signature(Privacy.open).parameters
    holder = await world.open_wallet(deposit_fen=1)
    async with world.database.connection() as connection:
        await connection.execute("ALTER TABLE access_log RENAME TO elsewhere")
    answers = [await holder.ask("GET", url) for url in ("/v1/deposits", f"{holder.path}/export")]
    assert [each.status_code for each in answers] == [500, 500]
    assert not any(holder.phone in each.text for each in answers)


def test_data_keys_are_unwrapped_where_accesses_are_written_down_and_nowhere_else() -> None:
    source = Path(inspect.getfile(Privacy)).parents[2]
    unwrapping = [
        str(each.relative_to(source))
        for each in source.rglob("*.py")
        if ".unwrap(" in each.read_text("utf-8")
    ]
    # The second one wraps anew, and gives no data key away.
    assert sorted(unwrapping) == ["operator/customers/privacy.py", "operator/privacy/wrapping.py"]


async def test_what_was_opened_stays_written_down_when_the_export_is_cut_short(
    world: OperatorWorld,
) -> None:
    holder = await world.open_wallet()
    access = Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER, wallet=holder.number)
    pieces = await world.operator.export_person.of_wallet(holder.number, access)
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    assert [each["purpose"] for each in await accesses(holder)][:2] == ["show_holder"] * 2


def export(dsn: str, keys: Path, output: Path, *options: str) -> Result:
    shared = ["--dsn", dsn, "--keys", str(keys), "--output", str(output), "--json"]
    return CliRunner().invoke(app, ["export-person", *options, *shared])


async def test_an_office_gets_all_wallets_of_a_holder_who_sees_which_clerk_gave_them(
    world: OperatorWorld, database_dsn: str, tmp_path: Path
) -> None:
    phone = new_phone()
    one, other = [await world.open_wallet(phone=phone) for _ in range(2)]
    for name, key in (("wrapping", b"w" * 32), ("lookup", b"l" * 32)):
        write_whole(tmp_path / f"{name}.secret", key)
    number, output = format_number(one.number), tmp_path / "person.json"
    asked = (number, "--clerk", "C-0471", "--case", "Pudong 2026/17")
    done = await asyncio.to_thread(export, database_dsn, tmp_path, output, *asked)
    assert done.exit_code == 0, done.output
    assert output.stat().st_mode & 0o777 == 0o600
    document = json.loads(output.read_text("utf-8"))
    assert document["wallets"] == sorted(format_number(each.number) for each in (one, other))
    for each in (one, other):
        latest = (await accesses(each))[0]
        assert latest["actor"] == "clerk/C-0471"
        assert (latest["purpose"], latest["case_reference"]) == ("answer_office", "Pudong 2026/17")
    again = await asyncio.to_thread(export, database_dsn, tmp_path, output, *asked)
    assert again.exit_code == 2, "an export is never written over"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("1001000123456783", "--case", "1"), 2),
        (("1001000123456783", "--clerk", "C 1", "--case", "1"), 2),
        (("1001000123456783", "--clerk", "C-1", "--case", ""), 2),
        (("1001000123456784", "--clerk", "C-1", "--case", "1"), 2),
        (("1001000123456783", "--clerk", "C-1", "--case", "1"), 1),
    ],
)
def test_an_export_names_a_clerk_a_case_and_a_wallet(
    database_dsn: str, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    for name in ("wrapping", "lookup"):
        write_whole(tmp_path / f"{name}.secret", b"w" * 32)
    output = tmp_path / "person.json"
    assert export(database_dsn, tmp_path, output, *options).exit_code == code
    assert not output.exists()


def test_only_an_office_has_a_case_and_only_staff_a_number() -> None:
    with pytest.raises(ValueError, match="case reference"):
        Access(actor=HOLDER, purpose=Purpose.ANSWER_OFFICE)
    with pytest.raises(ValueError, match="case reference"):
        Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER, case_reference="1")
    with pytest.raises(ValueError, match="staff number"):
        clerk("C/1")
