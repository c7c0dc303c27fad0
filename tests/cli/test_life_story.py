"""A wallet's own life with everything real: registry, operators, commands; nothing is a fake.

The rulebook is the demo's: its waits are seconds where the rules ask for days.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.cli.test_wallet_story import Bank, Holder, _make_quick, _open, bank_of
from tests.copies import network_databases

PIN, PHONE = "602817", "+8613800000001"


@pytest.fixture
async def bank(postgres: EmbeddedPostgres) -> AsyncIterator[Bank]:
    names = [f"life_story_{part}" for part in ("registry", "one", "two")]
    dsns = await network_databases(postgres, names)
    async with bank_of(dsns, "demo", idle_block_s=0.3) as bank:
        yield bank
    for name in names:
        await postgres.drop_database(name)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(300):
        if await is_so():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it never came about")


async def _with_money(bank: Bank, directory: Path) -> tuple[Holder, Path]:
    """Anna, with 400 yuan and a PIN."""
    anna = await _open(bank, directory / "anna", 1001, PHONE)
    deposit = await bank.fund(1001, PHONE, 50_000)
    await anna("exchange", "400", "--deposit", deposit)
    pin_file = directory / "pin"
    pin_file.write_text(PIN)
    await anna("pin", "set", "--pin-file", pin_file)
    return anna, pin_file


async def _view(holder: Holder, bank: Bank) -> dict[str, Any]:
    return await holder("view", "--registry", bank.registry_url)


@pytest.mark.chaos
@pytest.mark.timeout(60)
async def test_a_holder_bounds_freezes_and_closes_a_wallet(bank: Bank, tmp_path: Path) -> None:
    anna, pin_file = await _with_money(bank, tmp_path)
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")

    # Lower at once; raise by PIN, after a wait, and what is left out binds no more.
    lowered = await anna("limits", "lower", "--single", "50", "--pin-above", "20")
    assert lowered["state"] == "settled"
    limits = (await anna("limits", "show"))["limits"]
    assert (limits["single_limit_fen"], limits["second_factor_above_fen"]) == (5_000, 2_000)
    refused = await anna("pay", ben.number, "60", "--pin-file", pin_file, code=1)
    assert refused["refusal"]["fields"] == {"limit_fen": 5_000}
    higher = await anna("limits", "lower", "--single", "100", code=1)
    assert higher["refusal"]["name"] == "limit_not_lower"
    assert (await anna("limits", "raise", code=2))["error"]["name"] == "pin_not_given"
    await anna("limits", "raise", "--single", "100", "--pin-file", pin_file)
    assert (await anna("limits", "show"))["limits"]["single_limit_fen"] == 5_000

    async def is_raised() -> bool:
        return bool((await anna("limits", "show"))["limits"]["single_limit_fen"] == 10_000)

    await until(is_raised)
    assert (await anna("limits", "show"))["limits"]["second_factor_above_fen"] is None

    # Frozen at once, by the holder's key alone; thawed by PIN, after a wait.
    frozen = await anna("freeze")
    assert frozen["state"] == "settled"
    refused = await anna("pay", ben.number, "1", code=1)
    assert refused["refusal"]["name"] == "account_frozen"
    seen = await _view(anna, bank)
    assert [(each["case"], each["authority"]) for each in seen["freeze_list"]] == [
        (frozen["case"], 1)
    ]
    await anna("unfreeze", frozen["case"], "--pin-file", pin_file)

    async def is_thawed() -> bool:
        return not (await _view(anna, bank))["freeze_list"]

    await until(is_thawed)

    # Closed at zero only, and for good.
    assert (await anna("close", "--yes", code=1))["refusal"]["name"] == "balance_not_zero"
    for _ in range(4):
        assert (await anna("pay", ben.number, "100"))["state"] == "settled"
    assert (await anna("close", "--yes"))["state"] == "settled"
    assert (await _view(anna, bank))["closed"]
    assert (await ben("pay", anna.number, "1", code=1))["refusal"]["name"] == (
        "payee_cannot_receive"
    )


@pytest.mark.timeout(60)
@pytest.mark.chaos
async def test_a_holder_takes_more_than_the_wallet_may_hold(bank: Bank, tmp_path: Path) -> None:
    anna, pin_file = await _with_money(bank, tmp_path)
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    deposit = await bank.fund(1002, "+8613800000002", 100)
    await ben("limits", "lower", "--balance", "10")
    foreign = await ben("waterfall", "on", "--deposit", "nobody", code=1)
    assert foreign["error"]["name"] == "deposit_unknown", foreign
    assert (await ben("waterfall", "on", "--deposit", deposit))["state"] == "settled"
    assert (await _view(ben, bank))["waterfall"]
    assert (await anna("pay", ben.number, "10.01", "--pin-file", pin_file))["state"] == "settled"
    assert (await _view(ben, bank))["balance_fen"] == 1_000

    async def is_credited() -> bool:
        [told] = (await ben("deposits"))["deposits"]
        return bool(told["available_fen"] == 101)

    await until(is_credited)
    lines = (await ben("history"))["entries"]
    assert [(each["type"], each["amount_fen"]) for each in lines] == [
        ("sweep", 1), ("payment", 1_001),
    ]  # fmt: skip
    assert (await ben("waterfall", "off"))["state"] == "settled"
    refused = await anna("pay", ben.number, "1", "--pin-file", pin_file, code=1)
    assert refused["refusal"]["name"] == "payee_cannot_receive"


@pytest.mark.timeout(60)
@pytest.mark.chaos
async def test_a_lost_key_is_replaced_and_a_false_claim_objected_to(
    bank: Bank, tmp_path: Path
) -> None:
    anna, _ = await _with_money(bank, tmp_path)
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    thief, found = Holder(tmp_path / "thief"), Holder(tmp_path / "found")
    url = bank.operator_urls[1001]

    # The old key sees the claim and stops it; nothing is the claimant's.
    start = ("rebind", "start", anna.number, "--operator", url, "--phone")
    assert (await thief(*start, "+8613800000009", code=1))["error"]["name"] == "rebind_not_proven"
    claimed = await found(*start, PHONE)
    assert claimed["state"] == "waiting"
    _make_quick(found.directory)
    assert (await anna("pay", ben.number, "1", code=1))["refusal"]["name"] == "account_frozen"
    assert (await _view(anna, bank))["rebind"] is not None
    early = await found("rebind", "finish", anna.number, code=1)
    assert "error" in early
    assert (await found("balance", code=2))["error"]["name"] == "wallet_not_open"
    await until(lambda: _finished(found, anna.number))

    # The wallet is the new key's: with its money, its number, and no more the old one's.
    assert await found.balance_fen() == 40_000
    assert (await found("pay", ben.number, "1"))["state"] == "settled"
    assert "error" in await anna("balance", code=1)

    # Somebody claims it again; this time the holder has the key, and objects.
    again = Holder(tmp_path / "again")
    await again(*start, PHONE)
    _make_quick(again.directory)
    assert (await found("rebind", "object"))["state"] == "settled"
    await asyncio.sleep(2.5)
    assert "error" in await again("rebind", "finish", anna.number, code=1)
    assert await found.balance_fen() == 39_900


@pytest.mark.timeout(60)
@pytest.mark.chaos
async def test_a_platform_pays_its_payee_within_a_mandate_and_no_further(
    bank: Bank, tmp_path: Path
) -> None:
    anna, pin_file = await _with_money(bank, tmp_path)
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    eve = await _open(bank, tmp_path / "eve", 1001, "+8613800000003")
    platform = Holder(tmp_path / "platform")  # has no wallet
    key = tmp_path / "platform.key"
    made = await platform("mandate", "key", key, "--operator", bank.operator_urls[1001])
    terms = (made["public_key"], ben.number, "--single", "30", "--day", "50")
    assert (await anna("mandate", "give", *terms, code=2))["error"]["name"] == "pin_not_given"
    given = await anna("mandate", "give", *terms, "--pin-file", pin_file)
    assert given["state"] == "settled"

    async def pay(amount: str, payee: Holder = ben, code: int = 0, name: str = "") -> str:
        file = tmp_path / (name or f"order {amount} {payee.number}")
        who = ("--mandate", given["mandate"], "--payer", anna.number, "--payee", payee.number)
        told = await platform("mandate", "pay", key, amount, "--order", file, *who, code=code)
        refusal = told.get("refusal") or told.get("error")
        return str(refusal["name"]) if refusal else str(told["state"])

    assert await pay("30") == "settled"
    assert await pay("30") == "settled"  # the same file: paid once
    assert await pay("31", code=2, name=f"order 30 {ben.number}") == "order_file_differs"
    assert await pay("30.01", code=1) == "limit_single"
    assert await pay("20.01", code=1) == "limit_day"
    assert await pay("10", eve, code=1) == "legs_not_allowed"
    assert await pay("20") == "settled"
    assert await ben.balance_fen() == 5_000
    [listed] = (await anna("mandate", "list", "--registry", bank.registry_url))["mandates"]
    assert (listed["mandate"], listed["day_spent_fen"]) == (given["mandate"], 5_000)

    assert (await anna("mandate", "cancel", given["mandate"]))["state"] == "settled"
    assert await pay("0.01", code=1) == "signer_foreign"
    assert await anna.balance_fen() == 35_000
    assert await eve.balance_fen() == 0


async def _finished(holder: Holder, number: str) -> bool:
    try:
        return bool((await holder("rebind", "finish", number))["is_bound"])
    except AssertionError:
        return False
