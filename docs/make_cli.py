"""Writes docs/reference/cli.md from the command line itself: `make docs`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from jiaozi.cli import app

PAGE = Path(__file__).parent / "reference" / "cli.md"

_HEAD = """# The command line

<!-- Made from the commands themselves by `make docs`; do not edit. -->

`jiaozi COMMAND --help` tells the same in a terminal. With `--json` a command prints one JSON object
per result. The exit code is 0 for success, 1 for a refusal or failure, 2 for wrong usage.

"""


def render() -> str:
    """Return the page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    commands = list(_commands(typer.main.get_command(app), ("jiaozi",)))
    yield _HEAD
    yield "| Command | What it does |\n|---|---|\n"
    for words, command in commands:
        if not _members(command):
            yield f"| [`{' '.join(words)}`](#{'-'.join(words)}) | {_summary(command)} |\n"
    yield "\n"
    for words, command in commands:
        yield from _command(words, command)


def _members(command: Any) -> dict[str, Any]:
    """Return the commands of a group, loaded."""
    if not hasattr(command, "list_commands"):
        return {}
    context = command.context_class(command)
    names = command.list_commands(context)
    return {name: command.get_command(context, name) for name in names}


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, each in _members(command).items():
        if not each.hidden:
            yield from _commands(each, (*words, name))


def _command(words: tuple[str, ...], command: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=" ".join(words))
    parameters = [
        each
        for each in command.params
        if not getattr(each, "hidden", False) and each.name != "help"
    ]
    yield f"## {' '.join(words)}\n\n"
    if command.help:
        yield f"{_prose(command.help)}\n\n"
    if not _members(command):
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"```text\n{' '.join(words)} {usage}\n```\n\n"
    if parameters:
        yield "| Parameter | What it says | Default | Environment |\n|---|---|---|---|\n"
        for each in parameters:
            yield _row(each, context)
        yield "\n"


def _row(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.display_name_raw.upper()
        shown = name if parameter.required else f"[{name}]"
    else:
        kind = parameter.metavar or parameter.display_type(ctx=context)
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        shown = names if parameter.is_flag or parameter.count else f"{names} {kind}"
    environment = f"`{parameter.envvar}`" if parameter.envvar else ""
    cells = (f"`{shown}`", _prose(parameter.help or ""), _default(parameter), environment)
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |\n"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = getattr(parameter.default, "value", parameter.default)
    if value is False or not isinstance(value, str | int | float | Path):
        return ""
    return f"`{value}`"


def _summary(command: Any) -> str:
    return _prose(command.help or "").partition("\n")[0].partition(". ")[0].rstrip(".")


def _prose(text: str) -> str:
    """Return help as one line a paragraph."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\b", "").strip())
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)
