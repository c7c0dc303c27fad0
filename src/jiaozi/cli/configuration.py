"""How commands that serve take their settings: options, environment, a file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from jiaozi.cli.output import ExitCode, fail
from jiaozi.service.settings import SettingInvalid, read_settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)
else:
    Settings = TypeVar("Settings")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="JIAOZI_CONFIG",
        metavar="FILE",
        help="Settings in TOML. Options and JIAOZI_… variables come before it; "
        "docs/reference/settings.md lists all.",
    ),
]


def configured(kind: type[Settings], file: Path | None, given: Mapping[str, object]) -> Settings:
    """Put the settings of a service together, or tell which does not fit and end."""
    try:
        return read_settings(kind, given=given, environment=os.environ, file=file)
    except SettingInvalid as error:
        advice = "Nothing was started: docs/reference/settings.md lists the settings"
        exit_code = ExitCode.USAGE
        fail("setting_invalid", str(error), advice, exit_code=exit_code, as_json=False)
