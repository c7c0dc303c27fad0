"""The one directory in which all parties of a machine keep what they have.

::

    DIRECTORY/
      owner.lock                 held by the `jiaozi up` that runs these parties
      passphrase                 opens every key below; made at random, for the owner alone
      network/                   genesis, certificates and the central bank's keys
      operators/CODE/            an operator's keys and secrets
      postgres/                  the embedded PostgreSQL: one database for each party
      logs/PARTY.log             what each process says
      demo/                      what `jiaozi demo` leaves: a wallet, a payroll file

One passphrase beside all keys is for one machine and one person. Elsewhere every holder has a
directory and a passphrase of their own.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jiaozi.central_bank.certification.keys import KeyPlaces
from jiaozi.local.errors import DirectoryForeign, DirectoryInUse
from jiaozi.service.files import make_directory

_NAMES = frozenset(("owner.lock", "passphrase", "network", "operators", "postgres", "logs", "demo"))


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths below one directory, which must be absolute."""

    path: Path

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of all keys."""
        return self.path / "passphrase"

    @property
    def network(self) -> KeyPlaces:
        """What the ceremony made; complete as soon as it exists."""
        return KeyPlaces(self.path / "network")

    @property
    def operators(self) -> Path:
        """The directory of all operators' keys."""
        return self.path / "operators"

    def operator(self, code: int) -> Path:
        """Return the directory of one operator's keys."""
        return self.operators / f"{code:04d}"

    @property
    def postgres(self) -> Path:
        """The home of the embedded PostgreSQL."""
        return self.path / "postgres"

    def log(self, party: str) -> Path:
        """Return the log of one process."""
        return self.path / "logs" / f"{party}.log"

    @property
    def is_set_up(self) -> bool:
        """Whether keys and genesis are there."""
        return self.network.directory.exists()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one process that runs these parties.

        Raises:
            DirectoryForeign: It holds something else, or cannot be written to.
            DirectoryInUse: Another process does.
        """
        try:
            make_directory(self.path)
            names = {each.name for each in self.path.iterdir()}
            strangers = {each for each in names - _NAMES if not each.startswith(".")}
            if strangers and not self.is_set_up:
                raise DirectoryForeign(
                    happened=f"{self.path} holds something else: {min(strangers)}.",
                    remedy="Choose an empty directory with --data.",
                )
            lock = os.open(self.path / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DirectoryForeign(
                happened=f"{self.path} cannot be used ({error.strerror}).",
                remedy="Choose another directory with --data.",
            ) from error
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode("ascii") or "unknown"
            raise DirectoryInUse(
                happened=f"The parties in {self.path} are run by process {holder} already.",
                remedy="Stop it with Ctrl-C there, or choose another directory with --data.",
            ) from None
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode("ascii"))


def default_directory() -> Path:
    """Return where data lives unless a directory is named: one place, from wherever it is run."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "jiaozi"
