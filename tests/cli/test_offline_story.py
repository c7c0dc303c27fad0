"""Paying without network by commands, at a real registry and two real operators.

While people pay each other nobody serves anything: the operators are stopped.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.cli import app
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol import numbers
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.order_types import OrderType
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.wallet.errors import CardPulled
from jiaozi.wallet.offline.frames import MessageKind, to_frames
from jiaozi.wallet.offline.own import open_purse
from jiaozi.wallet.offline.software import SoftwarePurse
from tests.cli.conftest import PASSPHRASE
from tests.cli.test_wallet_story import (
    OPERATORS,
    Bank,
    Holder,
    _open,
    bank_of,
    make_quick,
    now_ms,
)
from tests.copies import network_databases
from tests.registry.builders import Orders
from tests.registry.network import Keys

GUARANTEE_FEN = 1_000_000
NOBODYS_WALLET = numbers.account_number(1001, 10**10)
PIN = "602817"


@pytest.fixture
async def bank(postgres: EmbeddedPostgres) -> AsyncIterator[Bank]:
    names = [f"offline_story_{part}" for part in ("registry", "one", "two")]
    dsns = await network_databases(postgres, names)
    async with bank_of(dsns, "demo-offline", idle_block_s=0.3) as bank:
        for operator in OPERATORS:
            await _fund_guarantee(bank, operator)
        yield bank
    for name in names:
        await postgres.drop_database(name)


async def _fund_guarantee(bank: Bank, operator: int) -> None:
    network, keys = read_genesis(bank.genesis), Keys()
    orders = Orders(keys, network.id, now_ms)
    places = (numbers.vault_of(operator), numbers.guarantee_of(operator))
    head, leg = orders.head(OrderType.FUND_GUARANTEE), orders.leg(*places, GUARANTEE_FEN)
    signer = keys.transport(operator)
    async with RegistryClient(
        bank.registry_url, network=network, signer=signer, now_ms=now_ms
    ) as registry:
        [answer] = await registry.submit([orders.sign(head, [keys.vault(operator)], [leg])])
    assert answer[:2] == [1, [0]], answer


async def with_purse(bank: Bank, directory: Path, operator: int, phone: str) -> Holder:
    """Somebody with 400 yuan in a wallet and an empty purse."""
    holder = await _open(bank, directory, operator, phone)
    deposit = await bank.fund(operator, phone, 40_000)
    assert (await holder("exchange", "400", "--deposit", deposit))["state"] == "settled"
    assert (await holder("offline", "enrol"))["profile"] == "software"
    make_quick(directory / "purse-key.json")
    return holder


async def told(holder: Holder, *words: object, code: int = 0) -> str:
    """Run a command that must end with an exit code, and return what people read."""
    arguments = ("wallet", "--dir", holder.directory, "--timeout", holder.timeout_s, *words)
    result = await asyncio.to_thread(
        CliRunner(env={"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE, "COLUMNS": "200"}).invoke,
        app,
        [*map(str, arguments)],
    )
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


async def refused(holder: Holder, *words: object) -> str:
    """Run a command that a party or a purse refuses; returns the name of why."""
    before = await held_fen(holder)
    document = await holder("offline", *words, code=1)
    assert await held_fen(holder) == before, "nothing moved"
    error = document.get("error") or document["refusal"]
    return str(error["name"])


async def held_fen(holder: Holder) -> int:
    """What a purse holds."""
    return int((await holder("offline", "balance"))["balance_fen"])


async def pay_by_text(payer: Holder, payee: Holder, yuan: str) -> dict[str, Any]:
    """One payment by frames on the command line; returns what the payee was told."""
    asked = await payee("offline", "request", yuan)
    paid = await payer("offline", "pay", "--yes", *asked["frames"])
    collected = await payee("offline", "collect", *paid["frames"])
    await payer("offline", "acknowledge", *collected["frames"])
    return collected


async def supply(bank: Bank) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=bank.registry_url, trust_env=False) as http:
        return dict((await http.get("/v1/supply")).json())


@dataclass
class Market:
    """Anna with money in her purse, Ben and Carla with none, and where they are."""

    bank: Bank
    directory: Path
    anna: Holder
    ben: Holder
    carla: Holder

    def copied(self, holder: Holder, name: str) -> Holder:
        """Somebody who has a copy of a wallet's directory."""
        return Holder(shutil.copytree(holder.directory, self.directory / name))


@pytest.mark.timeout(120)
async def test_people_pay_without_network_and_a_copied_purse_is_found(
    bank: Bank, tmp_path: Path
) -> None:
    anna = await with_purse(bank, tmp_path / "anna", 1001, "+8613800000001")
    ben = await with_purse(bank, tmp_path / "ben", 1002, "+8613800000002")
    carla = await with_purse(bank, tmp_path / "carla", 1002, "+8613800000003")
    market = Market(bank, tmp_path, anna, ben, carla)
    await a_load_asks_for_the_pin_as_a_payment_does(market)
    copy = market.copied(anna, "copy of anna")

    ports = {operator: await bank.stop(operator) for operator in OPERATORS}
    await what_takes_the_network_says_so(market)
    await pictures_and_texts_carry_a_payment(market)
    await what_is_refused_moves_nothing_and_says_why(market)
    await whoever_is_paid_twice_by_a_copy_has_the_proof(market, copy)
    copy = market.copied(ben, "copy of ben")
    assert (await pay_by_text(copy, carla, "15"))["balance_fen"] == 2_500
    asked, not_collected = await anna("offline", "request", "20"), tmp_path / "payment.txt"
    await ben("offline", "pay", "--yes", *asked["frames"], "--text", not_collected)

    for operator, port in ports.items():
        await bank.start(operator, port)
    await whoever_has_a_payment_hands_it_in(market, not_collected)
    assert (await carla("offline", "sync"))["balance_fen"] == 2_500
    assert (await anna("offline", "sync"))["balance_fen"] == 9_100
    assert (await anna("offline", "renew"))["not_after_ms"] > now_ms()
    assert await refused(ben, "sync") == "device_ended"
    claim_from_ms = await a_lost_purse_does_nothing_any_more(market)
    await what_is_unloaded_is_in_the_wallet(market)
    await what_is_left_of_a_lost_purse_is_claimed_once(carla, claim_from_ms)
    await the_books_are_exact(market)


async def a_load_asks_for_the_pin_as_a_payment_does(market: Market) -> None:
    anna, pin_file = market.anna, market.directory / "pin"
    await anna("limits", "lower", "--pin-above", "50")
    pin_file.write_text(PIN)
    await anna("pin", "set", "--pin-file", pin_file)
    assert await refused(anna, "load", "100") == "second_factor_required"
    assert await refused(anna, "load", "600") == "purse_balance_cap"
    loaded = await anna("offline", "load", "100", "--pin-file", pin_file)
    assert (loaded["state"], loaded["balance_fen"]) == ("settled", 10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SoftwarePurse, "take_load", pull)
        settled = await told(anna, "offline", "load", "1")
    assert "on its way" in settled, "else it would be ordered a second time"
    assert "101.00 yuan" in await told(anna, "offline", "sync")
    assert await anna.balance_fen() == 40_000 - 10_100


def pull(_: SoftwarePurse, __: bytes) -> None:
    raise CardPulled(detail="The card left the reader before it answered")


async def what_takes_the_network_says_so(market: Market) -> None:
    away = Holder(market.anna.directory, timeout_s=0.3)
    for words in (("load", "5"), ("sync",), ("unload", "1"), ("devices",)):
        answer = await told(away, "offline", *words, code=3)
        assert "Nothing is lost, and nothing happens twice" in answer
    assert await held_fen(away) == 10_100


async def pictures_and_texts_carry_a_payment(market: Market) -> None:
    anna, ben = market.anna, market.ben
    asked, paid = market.directory / "asked.png", market.directory / "paid.png"
    acknowledged = market.directory / "acknowledged.txt"
    assert await told(ben, "offline", "request", "30", "--picture", asked) == ""
    answer = await told(anna, "offline", "pay", "--yes", asked, "--picture", paid)
    assert "Paid 30.00 yuan; the purse holds 71.00." in answer
    first = paid.read_bytes()
    await told(anna, "offline", "pay", "--yes", asked, "--picture", paid)
    assert paid.read_bytes() == first, "the same request again gives the same payment"
    assert await held_fen(anna) == 7_100
    assert "1 payment waits" in await told(anna, "offline", "waiting")
    collect = ("offline", "collect", paid, "--text", acknowledged)
    for _ in range(2):
        assert "Received 30.00 yuan; the purse holds 30.00." in await told(ben, *collect)
    for answer in ("The payment has arrived.", "No payment waits for one."):
        assert answer in await told(anna, "offline", "acknowledge", acknowledged)
    assert (await pay_by_text(ben, market.carla, "10"))["balance_fen"] == 1_000


async def what_is_refused_moves_nothing_and_says_why(market: Market) -> None:
    anna, ben, carla = market.anna, market.ben, market.carla
    asked, paid = market.directory / "asked.png", market.directory / "paid.png"
    too_much = (await carla("offline", "request", "150"))["frames"]
    assert await refused(ben, "pay", "--yes", *too_much) == "purse_funds"
    own = (await ben("offline", "request", "1"))["frames"]
    assert await refused(ben, "pay", "--yes", *own) == "other_device"
    assert await refused(carla, "request", "600") == "purse_in_limit"
    assert await refused(carla, "collect", paid) == "other_device"
    nothing = market.directory / "none"
    for words in (("pay", "--yes", paid), ("collect", asked), ("pay", "--yes", nothing)):
        assert "Nothing moved. Scan again" in await told(ben, "offline", *words, code=2)
    picture = ("--picture", nothing / "paid.png")
    answer = await told(anna, "offline", "pay", "--yes", asked, *picture, code=2)
    assert "does not exist" in answer
    answer = await told(Holder(nothing), "offline", "balance", code=2)
    assert "jiaozi wallet offline enrol" in answer


async def whoever_is_paid_twice_by_a_copy_has_the_proof(market: Market, copy: Holder) -> None:
    again = (await market.ben("offline", "request", "20"))["frames"]
    twice = (await copy("offline", "pay", "--yes", *again))["frames"]
    assert await refused(market.ben, "collect", *twice) == "double_spent"
    [proof] = (await market.ben("offline", "proofs", market.directory / "proofs"))["proofs"]
    genesis, forged = market.directory / "genesis", market.directory / "forged.cbor"
    genesis.write_bytes(market.bank.genesis)
    device = (await market.anna("offline", "balance"))["device"]
    verify = ("offline", "verify-proof", "--genesis", str(genesis))
    shown = CliRunner().invoke(app, [*verify, proof])
    assert shown.exit_code == 0
    assert device in shown.output
    document = json.loads(CliRunner().invoke(app, [*verify, proof, "--json"]).output)
    assert (document["kind"], document["device"]) == ("double_spend", device)
    assert [each["amount_fen"] for each in document["payments"]] in ([3_000, 2_000], [2_000, 3_000])
    whole = Path(proof).read_bytes()
    for data in (whole[:-1], whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:], b"", b"\x82"):
        forged.write_bytes(data)
        assert CliRunner().invoke(app, [*verify, str(forged)]).exit_code == 1


async def whoever_has_a_payment_hands_it_in(market: Market, paid: Path) -> None:
    """Anna's device took no payment of Ben's; Carla and a stranger have its text."""
    nobody, there = Holder(market.directory / "nobody"), market.bank.operator_urls[1002]
    handed = await market.carla("offline", "hand-in", paid)
    assert (handed["state"], handed["amount_fen"]) == ("settled", 2_000)
    again = await told(nobody, "offline", "hand-in", paid, "--operator", there)
    assert "20.00 yuan: settled." in again
    assert await key_of(market.ben) in again
    assert "Scan again" in await told(nobody, "offline", "hand-in", "none", code=2)


async def a_lost_purse_does_nothing_any_more(market: Market) -> int:
    """Returns when what is left on it may be claimed."""
    carla, key = market.carla, await key_of(market.carla)
    assert "report it lost" in await told(carla, "offline", "claim", key, code=2)
    claim_from_ms = int((await carla("offline", "lost", key))["claim_from_ms"])
    early = await carla("offline", "claim", key, code=1)  # at once: the wait is of two seconds
    assert (early.get("error") or early["refusal"])["name"] == "claim_too_early"
    assert "Claim it from" in await told(carla, "offline", "lost", key)
    assert await refused(carla, "unload", "1") == "device_ended"
    assert await refused(carla, "load", "1") == "device_ended"
    [listed] = (await carla("offline", "devices"))["devices"]
    assert (listed["state"], listed["shadow_fen"]) == ("revoked", 2_500)
    assert "convicted" in await told(market.ben, "offline", "devices")
    return claim_from_ms


async def what_is_unloaded_is_in_the_wallet(market: Market) -> None:
    anna = market.anna
    unloaded = await anna("offline", "unload", "41")
    assert (unloaded["state"], unloaded["balance_fen"]) == ("settled", 5_000)
    assert await refused(anna, "unload", "51") == "purse_funds"
    with open_purse(anna.directory, PASSPHRASE) as purse:
        misdirected = to_frames(MessageKind.PAYMENT, purse.unload(100, NOBODYS_WALLET))
    assert await held_fen(anna) == 4_900
    back = await told(anna, "offline", "hand-in", *misdirected, code=1)
    assert "1.00 yuan: back on its device" in back
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SoftwarePurse, "unload", pulled_once_done(SoftwarePurse.unload))
        assert await name_of(anna, "unload", "40") == "card_pulled"
    finished = await told(anna, "offline", "unload", "40")
    assert "40.00 yuan, by an unload that had broken off: settled." in finished
    assert await anna.balance_fen() == 40_000 - 10_100 + 8_100
    assert "Handed in" in await told(anna, "offline", "sync")
    assert "There is a purse" in await told(anna, "offline", "enrol", code=2)
    assert (await anna("resume"))["resumed"] == []


def pulled_once_done(step: Callable[..., bytes]) -> Callable[..., bytes]:
    def done_unheard(*given: object) -> bytes:
        step(*given)
        raise CardPulled(detail="The card left the reader before it answered")

    return done_unheard


async def what_is_left_of_a_lost_purse_is_claimed_once(carla: Holder, claim_from_ms: int) -> None:
    key = await key_of(carla)
    await asyncio.sleep(max(0.0, (claim_from_ms - now_ms()) / 1_000))
    while (claimed := await try_json(carla, "offline", "claim", key))["state"] != "settled":
        assert claimed["refusal"]["name"] == "claim_too_early"
    assert await carla.balance_fen() == 40_000 + 2_500
    assert "Nothing is left" in await told(carla, "offline", "claim", key, code=2)


async def the_books_are_exact(market: Market) -> None:
    """Anna's ten are still out, and what the copy paid twice came from the guarantee."""
    bank, books = market.bank, await supply(market.bank)
    assert books["offline_fen"] == await held_fen(market.anna) == 1_000
    covered_fen = 2 * GUARANTEE_FEN - books["in_guarantee_fen"]
    wallets_fen = [await each.balance_fen() for each in (market.anna, market.ben, market.carla)]
    assert sum(wallets_fen) + books["offline_fen"] == 3 * 40_000 + covered_fen
    assert covered_fen == 1_500
    network = read_genesis(bank.genesis).id
    async with await Database.open(bank.registry_dsn) as database:
        report = await audit_database(database, AuditOptions(processes=0, network=network))
    assert report.verdict == "ok", report.differences


async def key_of(holder: Holder) -> str:
    return str((await holder("offline", "balance"))["device"])


async def reassign(bank: Bank, failed: int, carrier: int) -> None:
    """Have officers give a failed operator's wallets to another."""
    network, keys = read_genesis(bank.genesis), Keys()
    order = Orders(keys, network.id, now_ms).by_officers(
        OrderType.REASSIGN, operator=failed, carrier=carrier
    )
    async with RegistryClient(
        bank.registry_url, network=network, signer=keys.officers[0], now_ms=now_ms
    ) as registry:
        [answer] = await registry.submit([order])
    assert answer[:2] == [1, [0]], answer


@pytest.mark.chaos
@pytest.mark.timeout(120)
async def test_a_purse_of_a_failed_operator_is_emptied_and_another_made_at_the_carrier(
    bank: Bank, tmp_path: Path
) -> None:
    phone = "+8613800000001"
    anna = await with_purse(bank, tmp_path / "anna", 1001, phone)
    ben = await with_purse(bank, tmp_path / "ben", 1002, "+8613800000002")
    await anna("offline", "load", "20")
    await pay_by_text(anna, ben, "5")
    old_key = await key_of(anna)
    await bank.stop(1001)
    await reassign(bank, 1001, 1002)
    url = bank.operator_urls[1002]
    for _ in range(50):
        adopted = await try_json(anna, "adopt", "--operator", url, "--phone", phone)
        if "carrier" in adopted:
            break
        await asyncio.sleep(0.1)
    assert adopted["carrier"] == "1002"
    make_quick(anna.directory / "keystore.json")
    assert await name_of(anna, "load", "1") == await name_of(anna, "sync") == "device_left_behind"
    assert (await anna("offline", "unload", "9"))["state"] == "settled"
    assert (await anna("offline", "balance"))["balance_fen"] == 600
    assert (await anna("offline", "lost", old_key))["shadow_fen"] == 600
    while (claimed := await try_json(anna, "offline", "claim", old_key))["state"] != "settled":
        assert claimed["refusal"]["name"] == "claim_too_early"
    for name in ("purse.sqlite", "purse-key.json"):
        (anna.directory / name).rename(tmp_path / name)
    assert (await anna("offline", "enrol"))["profile"] == "software"
    assert (await anna("offline", "load", "10"))["balance_fen"] == 1_000
    assert (await ben("offline", "sync"))["balance_fen"] == 500
    books = await supply(bank)
    wallets_fen = [await each.balance_fen() for each in (anna, ben)]
    assert (wallets_fen, books["offline_fen"]) == ([40_000 - 500 - 1_000, 40_000], 1_500)


async def name_of(holder: Holder, *words: object) -> str:
    """Run a command that fails; returns the name of why."""
    return str((await try_json(holder, "offline", *words))["error"]["name"])


async def try_json(holder: Holder, *words: object) -> dict[str, Any]:
    """Run a command that may fail, and return what it told."""
    result = await asyncio.to_thread(
        CliRunner(env={"JIAOZI_WALLET_PASSPHRASE": PASSPHRASE}).invoke,
        app,
        ["wallet", "--dir", str(holder.directory), "--timeout", "3", *map(str, words), "--json"],
    )
    return dict(json.loads(result.stdout.splitlines()[-1]))
