"""The whole story on real processes, checked against sums of our own."""

import json
import os
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.demo.plan import Plan, draw_plan
from jiaozi.local.setup import DEFAULT_RULEBOOK, OPERATORS
from jiaozi.protocol.order_types import Holder
from tests.demo.running import JIAOZI, up, wait_until_gone

PEOPLE, PAYMENTS, SEED = 40, 90, 7


@dataclass(frozen=True)
class Played:
    """What one demo printed, and the directory it left."""

    told: dict[str, Any]
    data: Path


def plan() -> Plan:
    [book] = [each for each in shipped().values() if each.name == DEFAULT_RULEBOOK]
    limits = {number: book.limits[Holder.PERSONAL, number] for number in (1, 2, 3, 4)}
    return draw_plan(
        people=PEOPLE, payments=PAYMENTS, operators=OPERATORS, limits=limits, seed=SEED
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    data = tmp_path_factory.mktemp("demo") / "data"
    options = {"--people": PEOPLE, "--payments": PAYMENTS, "--seed": SEED, "--data": data}
    arguments = [str(part) for pair in options.items() for part in pair]
    done = subprocess.run(
        [*JIAOZI, "demo", "--once", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Played(json.loads(done.stdout.splitlines()[-1]), data)


def test_the_last_line_tells_all_figures(played: Played) -> None:
    told = played.told
    assert told["audit"] == "ok"
    assert told["books"] == "ok"
    assert told["wallets"] == PEOPLE + 1  # the company's
    assert told["payments"] == PAYMENTS
    assert told["payroll_payments"] == sum(1 for each in plan().people if each.salary_fen)
    assert told["refused"] == 4
    assert told["statements"] == len(OPERATORS)
    assert 0 < told["first_payment_s"] < told["elapsed_s"]


def test_no_fen_is_made_or_lost(played: Played) -> None:
    told = played.told
    balances: Counter[int] = Counter()
    for each in plan().people:
        balances[each.index] = each.exchange_fen + each.salary_fen - each.redeem_fen
        balances[each.index] -= each.offline_fen
    for payment in plan().payments:
        balances[payment.payer] -= payment.amount_fen
        balances[payment.payee] += payment.amount_fen
    company_fen = plan().company_exchange_fen - sum(each.salary_fen for each in plan().people)
    redeemed_fen = sum(each.redeem_fen for each in plan().people)
    assert min(balances.values()) >= 0
    assert told["with_public_fen"] == balances.total() + company_fen
    assert told["destroyed_fen"] == redeemed_fen > 0
    assert told["circulation_fen"] == told["issued_fen"] - told["destroyed_fen"]
    places = "with_public", "in_vaults", "offline", "in_guarantee"
    assert told["circulation_fen"] == sum(told[f"{each}_fen"] for each in places)
    assert told["reserves_fen"] + told["circulation_fen"] == 2 * told["issued_fen"]


def test_the_market_day_adds_up_and_a_cloned_card_harms_no_stall(played: Played) -> None:
    day = played.told["market_day"]
    # Five buyers with 150 yuan each, eight sales; 180 yuan are spent from a purse that held 150.
    assert (day["purses"], day["payments"], day["settled"]) == (8, 8, 8)
    assert (day["loaded_fen"], day["paid_fen"], day["hops_max"]) == (750_00, 437_70, 2)
    assert (day["double_spends"], day["proofs_verified"]) == (1, 1)
    assert day["covered_fen"] == 30_00
    # All stalls earned 437.70 less the 70.00 that one paid another.
    assert day["unloaded_fen"] == 367_70
    left_fen = 750_00 - 367_70 + 30_00
    assert day["shadow_fen"] == day["offline_fen"] == played.told["offline_fen"] == left_fen
    assert day["in_guarantee_fen"] == 2 * 10_000_00 - 30_00
    assert day["copy_refused"] == "device_revoked"


def test_two_pay_by_card_and_one_card_is_cloned_where_there_are_readers(played: Played) -> None:
    day = played.told["market_day"]
    if day["cards_left_out"]:
        assert os.environ.get("JIAOZI_TEST_CARDS") != "required"
        assert (day["cards"], day["cloned"]) == (0, "file")
    else:
        assert (day["cards"], day["cloned"]) == (2, "card")


def test_what_the_demo_left_is_served_again(played: Played) -> None:
    with up(played.data) as running:
        supply = running.supply()
        wallet = [
            *JIAOZI,
            *("wallet", "--dir", str(played.data / "demo" / "wallet")),
            *("--passphrase-file", str(played.data / "passphrase"), "info", "--json"),
        ]
        info = subprocess.run(wallet, capture_output=True, text=True, check=True)
    for name in ("issued_fen", "destroyed_fen", "with_public_fen", "offline_fen"):
        assert supply[name] == played.told[name]
    assert json.loads(info.stdout)["number"].startswith("1001")


def test_a_demo_does_not_play_on_what_is_there(played: Played) -> None:
    again = [*JIAOZI, "demo", "--once", "--json", "--data", str(played.data)]
    done = subprocess.run(again, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds a network already" in json.loads(done.stdout)["error"]["detail"]


def test_an_interrupted_demo_leaves_nothing() -> None:
    command = [*JIAOZI, "demo", "--once", "--people", str(PEOPLE)]
    with (
        tempfile.TemporaryDirectory(prefix="jiaozi-test-") as place,
        subprocess.Popen(
            command, env=os.environ | {"TMPDIR": place}, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        assert "processes started" in process.stderr.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        wait_until_gone(children)
        assert not list(Path(place).glob("jiaozi-demo-*"))


def test_the_same_seed_gives_the_same_story() -> None:
    assert plan() == plan()
