"""How commands that run institutions fail: what happened, what to do, an exit code."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from jiaozi.cli.output import ExitCode, fail, fail_refused, refusal_sentence
from jiaozi.local.errors import LocalError
from jiaozi.protocol.refusals import Refusal
from jiaozi.service.keys import KeyStoreError, passphrase_from
from jiaozi.service.server import AddressInUse, ServerStopped
from jiaozi.storage.errors import StorageError

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="Its first line opens the keys. Without it: JIAOZI_PASSPHRASE, or you are asked.",
    ),
]


def passphrase(file: Path | None, *, prompt: str = "Passphrase", is_new: bool = False) -> str:
    """Take a passphrase from a file, the environment or whoever sits at the terminal."""
    if file is None and "JIAOZI_PASSPHRASE" not in os.environ and sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True))
    return passphrase_from(given=None, file=file, environment=os.environ)


@contextmanager
def failures_told(*, as_json: bool = False) -> Iterator[None]:
    """Tell what goes wrong inside, and end with the exit code for it."""
    try:
        yield
    except Refusal as refusal:
        fail_refused(refusal, as_json=as_json)
    except (LocalError, StorageError) as error:
        _fail(error, error.happened, error.remedy, as_json=as_json)
    except KeyStoreError as error:
        advice = "Nothing was changed: check the place of the keys and their passphrase"
        _fail(error, str(error), advice, as_json=as_json)
    except (AddressInUse, ServerStopped) as error:
        _fail(error, str(error), "Nothing was changed", as_json=as_json)
    except OSError as error:
        name = error.filename2 or error.filename
        file = f" ({name})" if name else ""
        advice = f"Nothing was changed: {_way_on(error)}"
        _fail(error, f"{error.strerror}{file}", advice, as_json=as_json)


@contextmanager
def misfit_told(file: Path, what: str, *, as_json: bool = False) -> Iterator[None]:
    """Tell which file it is when reading it is refused, and end with the exit code for it."""
    try:
        yield
    except Refusal as refusal:
        fail(
            "file_unusable",
            f"{file} is not {what}: {refusal_sentence(refusal).rstrip('.')}",
            "Nothing was changed: name the right file, or put a copy of it back",
            exit_code=ExitCode.USAGE,
            as_json=as_json,
        )


def _way_on(error: OSError) -> str:
    match error:
        case FileExistsError():
            return "name a new file"
        case FileNotFoundError() | NotADirectoryError() | IsADirectoryError():
            return "check the name"
        case PermissionError():
            return "check who may read and write it"
        case _ if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "free some space and try again"
        case _:
            return "try again when this is put right"


def _fail(error: Exception, what: str, advice: str, *, as_json: bool) -> NoReturn:
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    fail(
        code,
        what.rstrip("."),
        advice.rstrip("."),
        exit_code=ExitCode.USAGE,
        as_json=as_json,
    )
