"""Personal data is sealed at rest, found by digests alone, and never logged."""

import json
import logging
from collections.abc import AsyncIterator
from importlib import resources

import pytest
from cryptography.exceptions import InvalidTag

from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.privacy.access import HOLDER, Access, Purpose
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.service.logs import configure_logs
from jiaozi.storage.database import Connection, Database
from jiaozi.storage.migrations import migrate
from tests.operator.builders import OperatorWorld, new_phone
from tests.operator.clock import Clock

ACCESS = Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER)
NAME = {"name": "王小明"}


def privacy(wrapping: bytes = b"w" * 32, lookup: bytes = b"l" * 32) -> Privacy:
    keys = WrappingKeys({1: wrapping}.__getitem__)
    return Privacy(wrapping=keys, lookup_key=lookup, now_ms=Clock())


PRIVACY = privacy()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    await migrate(database, resources.files("jiaozi.operator") / "migrations")
    async with database.connection() as connection:
        yield connection


async def test_a_record_opens_in_its_own_place_only(connection: Connection) -> None:
    sealed = PRIVACY.seal("evidence/1", NAME)
    assert await PRIVACY.open(connection, "evidence/1", sealed, ACCESS) == NAME
    with pytest.raises(InvalidTag):
        await PRIVACY.open(connection, "evidence/2", sealed, ACCESS)


async def test_a_record_opens_under_its_own_key_only(connection: Connection) -> None:
    other = privacy(wrapping=b"x" * 32)
    with pytest.raises(InvalidTag):
        await other.open(connection, "evidence/1", PRIVACY.seal("evidence/1", NAME), ACCESS)


async def test_a_changed_record_does_not_open(connection: Connection) -> None:
    sealed = PRIVACY.seal("evidence/1", NAME)
    changed = sealed.content[:-1] + bytes([sealed.content[-1] ^ 1])
    with pytest.raises(InvalidTag):
        await PRIVACY.open(connection, "evidence/1", sealed._replace(content=changed), ACCESS)


def test_two_records_of_the_same_data_have_nothing_in_common() -> None:
    one, other = (PRIVACY.seal("evidence/1", NAME) for _ in range(2))
    assert one.wrapped_key != other.wrapped_key
    assert one.content != other.content


def test_a_digest_depends_on_kind_value_and_key() -> None:
    other = privacy(lookup=b"m" * 32)
    digests = {
        PRIVACY.digest("phone", "1"),
        PRIVACY.digest("document", "1"),
        PRIVACY.digest("phone", "2"),
        other.digest("phone", "1"),
    }
    assert len(digests) == 4
    assert PRIVACY.digest("phone", "1") in digests


async def test_neither_database_nor_log_shows_personal_data_codes_or_keys(
    world: OperatorWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("operator-1001", level="DEBUG")
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    phone, number, name, clerk = new_phone(), "440301199001011234", "李小龙", "C-9981"
    deposit_id = await world.fund(phone, 100)
    evidence = {
        "identity_document": {"type": "resident-identity-card", "number": number, "name": name},
        "deposit_id": deposit_id,
        "counter_attestation": {"branch": "Futian", "clerk": clerk},
    }
    caller = world.new_caller()
    body = await world.opening(phone, caller, wallet_class=1, evidence=evidence)
    wrong = {**body, "code": "x" * 6}
    assert (await caller.ask("POST", "/v1/wallets", wrong)).status_code == 400
    malformed = {**body, "evidence": {**evidence, "surprise": number}}
    refusal = (await caller.ask("POST", "/v1/wallets", malformed)).json()
    assert refusal["fields"] == {"field": "body.evidence.surprise"}
    assert number not in json.dumps(refusal)
    assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 201
    keys = world.settings.keys
    secret = (
        phone,
        phone[3:],
        number,
        name,
        clerk,
        keys.wrapping(1).decode(),
        keys.lookup.decode(),
    )
    stored = await world.dump()
    assert body["registration_id"] in stored
    shown = capsys.readouterr()
    for each in (*secret, str(body["code"])):
        assert each not in shown.err + shown.out
        assert each.encode().hex() not in stored
    for each in secret:
        assert each not in stored
