"""`jiaozi up`: processes that end together, come back when they die, and lose nothing."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.demo.running import JIAOZI, Up, command_of, up, wait_until, wait_until_gone


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Up]:
    with up(data) as running:
        yield running


def test_each_party_is_a_process_with_a_database_and_a_user_of_its_own(running: Up) -> None:
    addresses = set()
    for words in ("central-bank serve", "--code 1001", "--code 1002"):
        command = running.party(words).cmdline()
        addresses.add(command[command.index("--dsn") + 1].partition("?")[0])
    assert addresses == {
        "postgresql://central_bank@/central_bank",
        "postgresql://operator_1001@/operator_1001",
        "postgresql://operator_1002@/operator_1002",
    }


def test_no_key_or_passphrase_can_be_read_by_others(running: Up, data: Path) -> None:
    assert data.stat().st_mode & 0o077 == 0
    secret = [data / "passphrase", *data.rglob("*.key"), *data.rglob("*.secret")]
    assert len(secret) > 10
    assert all(each.stat().st_mode & 0o077 == 0 for each in secret)
    commands = [command_of(each) for each in running.children()]
    passphrase = (data / "passphrase").read_text().strip()
    assert not any(passphrase in each for each in commands)


def test_a_second_up_on_the_same_directory_is_refused(running: Up, data: Path) -> None:
    command = [*JIAOZI, "up", "--json", "--data", str(data), "--port-base", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["name"] == "directory_in_use"
    assert str(running.process.pid) in error["detail"]


def test_a_party_that_dies_is_started_again(running: Up) -> None:
    operator = running.party("--code 1002")
    operator.kill()
    wait_until_gone([operator])
    wait_until(lambda: running.is_healthy(running.operators["1002"]))
    assert psutil.pid_exists(running.party("--code 1001").pid)


def test_a_postgresql_that_dies_is_started_again(running: Up) -> None:
    postmaster = running.party("pgdata")
    postmaster.kill()
    wait_until_gone([postmaster])
    wait_until(lambda: any("pgdata" in command_of(each) for each in running.children()))
    wait_until(lambda: "height" in running.supply())


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        command = [*JIAOZI, "up", "--json", "--data", str(tmp_path / "d"), "--port-base", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Port {port}" in json.loads(done.stdout)["error"]["detail"]


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    command = [*JIAOZI, "up", "--json", "--data", str(tmp_path), "--port-base", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "letters" in json.loads(done.stdout)["error"]["detail"]
    assert [each.name for each in tmp_path.iterdir()] == ["letters"]


def test_a_killed_parent_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    with up(tmp_path / "data") as first:
        genesis = httpx.get(f"{first.central_bank}/v1/genesis").content
        children = first.children()
        first.process.kill()
        wait_until_gone(children)
    with up(tmp_path / "data") as second:
        assert httpx.get(f"{second.central_bank}/v1/genesis").content == genesis
        children = second.children()
    wait_until_gone(children)
