"""SoftHSM2 in place of a hardware security module: an installed one, or the one `make` unpacked."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PIN = "a PIN for tests"
TOKENS = 20

_UNPACKED = Path(__file__).parents[1] / ".softhsm" / "usr"
_PLACES = (Path("/usr"), Path("/usr/local"), _UNPACKED)


@dataclass(frozen=True)
class Hsm:
    """A module with fresh tokens, each for one use; the PIN of all is `PIN`."""

    module: Path
    labels: Iterator[str] = field(default_factory=lambda: map("token-{}".format, itertools.count()))

    def fresh_token(self) -> str:
        """Return the URI of a token that nobody has used."""
        return self.uri(next(self.labels))

    def uri(self, label: str) -> str:
        """Return the URI of a token."""
        return f"pkcs11:token={label}?module-path={self.module}"


def key_uri(token: str, name: str) -> str:
    """Return the URI of a key in a token."""
    return token.replace("?", f";object={name}?", 1)


def start(home: Path) -> Hsm:
    """Make the tokens and tell this process and its children where they are.

    The library looks for tokens once in a process, so that all are made before.
    """
    util = shutil.which("softhsm2-util") or shutil.which(_UNPACKED / "bin" / "softhsm2-util")
    modules = [each for place in _PLACES for each in place.glob("lib/**/softhsm/libsofthsm2.so")]
    if util is None or not modules:
        pytest.fail("SoftHSM2 is missing: `make test` gets it, or install Debian's softhsm2")
    tokens = home / "tokens"
    tokens.mkdir()
    configuration = home / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    for number in range(TOKENS):
        subprocess.run(
            [util, "--module", modules[0], "--init-token", "--free", "--label", f"token-{number}",
             "--pin", PIN, "--so-pin", "a PIN for the security officer"],
            check=True, capture_output=True,
        )  # fmt: skip
    return Hsm(modules[0])
