"""The command line against a fake operator, with a wallet in a directory of its own."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.keystore import KdfCost, write_keystore
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import journal_path, keystore_path
from tests.wallet.conftest import NUMBER, keystore_for
from tests.wallet.fake_operator import FakeOperator, served

PASSPHRASE = "correct horse battery"


@dataclass
class Terminal:
    """Runs `jiaozi wallet` commands; nobody sits at it."""

    directory: Path
    operator_url: str

    def __call__(
        self, *words: object, code: int = 0, timeout_s: float = 30.0, passphrase: str = PASSPHRASE
    ) -> str:
        """Run a command that must end with an exit code, and return what it printed."""
        arguments = ["wallet", "--dir", str(self.directory), "--timeout", str(timeout_s)]
        environment = {
            "JIAOZI_WALLET_PASSPHRASE": passphrase,
            "JIAOZI_OPERATOR_URL": self.operator_url,
            "COLUMNS": "200",
        }
        result = CliRunner(env=environment).invoke(app, [*arguments, *map(str, words)])
        assert result.exit_code == code, (result.output, result.exception)
        self.told = result.stderr
        return result.stdout

    def json(self, *words: object, code: int = 0, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Run a command with ``--json`` and return the one object that it printed."""
        [line] = self(*words, "--json", code=code, **options).splitlines()
        return dict(json.loads(line))


@pytest.fixture
def operator() -> Iterator[FakeOperator]:
    with served(FakeOperator(clock=lambda: time.time_ns() // 1_000_000)) as operator:
        yield operator


@pytest.fixture
def terminal(operator: FakeOperator, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "wallet", operator.url)


@pytest.fixture
def opened(terminal: Terminal, operator: FakeOperator) -> Terminal:
    """A terminal whose wallet is open, under a passphrase that is quick to try."""
    keystore = keystore_for(operator)
    operator.wallets[format_number(NUMBER)] = keystore.public.public_key
    path = keystore_path(terminal.directory)
    write_keystore(path, keystore, PASSPHRASE, random=os.urandom, cost=KdfCost(8, 1, 1))
    Journal(journal_path(terminal.directory)).close()
    return terminal
