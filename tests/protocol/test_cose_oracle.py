"""COSE and CBOR by another library: it takes our messages, and we take the ones it makes.

The library (cwt, over OpenSSL and an older cbor2) has an environment of its own, which `make test`
makes. Without it these tests fail: a check that was left out must not look like one that passed.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol import cose
from jiaozi.protocol.orders import ORDER_BYTES_MAX

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-cose" / "bin" / "python"
ORDERS = json.loads((ROOT / "tests" / "vectors" / "orders.json").read_text())
CASES = ORDERS["orders"]
AAD = bytes.fromhex(ORDERS["external_aad"])
OTHER_PAYLOADS = ["", "00", "a0", "ff" * 24, "61" * 255, "62" * 256, "63" * 3000]


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    """What the other library says of the vectors."""
    assert PYTHON.exists(), "the other library's environment is missing: make .venv-cose/.stamp"
    seeds = [CASES[0]["seeds"], CASES[0]["seeds"] + ["09" * 32]]
    request = {
        "external_aad": ORDERS["external_aad"],
        "check": [
            {"message": case["message"], "keys": [each["key"] for each in case["signed"]]}
            for case in CASES
        ],
        "make": [{"payload": case["payload"], "seeds": case["seeds"]} for case in CASES]
        + [{"payload": payload, "seeds": each} for payload in OTHER_PAYLOADS for each in seeds],
    }
    done = subprocess.run(
        [PYTHON, "-I", Path(__file__).with_name("cose_oracle.py")],
        input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_other_library_is_another_one(oracle: dict[str, Any]) -> None:
    assert oracle["versions"]["cwt"]
    assert int(oracle["versions"]["cbor2"].split(".")[0]) < 6


@pytest.mark.parametrize("place", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_our_messages_verify_there_by_every_signer(oracle: dict[str, Any], place: int) -> None:
    case = CASES[place]
    assert oracle["checked"][place] == [case["payload"]] * len(case["seeds"])
    assert oracle["forged"][place] == 0
    assert oracle["canonical"][place] is True


@pytest.mark.parametrize("place", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_both_libraries_make_the_same_bytes(oracle: dict[str, Any], place: int) -> None:
    assert oracle["made"][place] == CASES[place]["message"]


def test_we_take_what_the_other_library_makes(oracle: dict[str, Any]) -> None:
    made = [bytes.fromhex(each) for each in oracle["made"]]
    assert len(made) == len(CASES) + 2 * len(OTHER_PAYLOADS)
    for data in made:
        assert cose.verify(cose.decode(data, size_max=ORDER_BYTES_MAX), AAD)
