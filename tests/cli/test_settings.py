"""A service starts with what file and environment say, or names the setting that does not fit."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app

_WRONG = ("batch_orders_max = 0", "no_such_setting = 1", "port = 70000")


@pytest.mark.parametrize(
    ("service", "command", "line"),
    [
        *(("central-bank", "serve", each) for each in _WRONG),
        *(("operator", "serve", each) for each in _WRONG),
        ("central-bank", "worker", "connections_max = 0"),
        ("central-bank", "worker", "rulebooks = 'of the registry alone'"),
    ],
)
def test_service_names_the_setting_that_does_not_fit(
    service: str, command: str, line: str, tmp_path: Path
) -> None:
    file = tmp_path / "service.toml"
    needed = f'network = "{tmp_path}"'
    if service == "operator":
        needed = 'operator_code = 1001\nregistry_url = "http://127.0.0.1:1"\nkeys = "none"'
    file.write_text(f'dsn = "postgresql://nobody@127.0.0.1:1/none"\n{needed}\n{line}\n')
    done = CliRunner().invoke(app, [service, command, "--config", str(file)])
    assert done.exit_code == 2
    assert line.partition(" ")[0] in done.stderr
    assert "Nothing was started" in done.stderr
