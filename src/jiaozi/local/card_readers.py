"""Virtual card readers for tests and demo, served by a pcscd of our own.

pcscd knows one place for its socket, ``/run/pcscd``. Ours finds a directory of ours there, in a
mount namespace that nobody else sees; so it runs beside any other pcscd, takes no root where the
kernel lets users have namespaces, and leaves the readers on USB to the machine's own. Programs
reach it by the variable ``PCSCLITE_CSOCK_NAME``.

The driver keeps its two slots in global variables, so that each pair of slots has a copy of the
driver's file. It listens on every address of the machine, without asking who puts a card in: this
is a reader for cards whose money is not worth stealing.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from jiaozi.local.errors import ReadersFailed
from jiaozi.local.ports import free_ports
from jiaozi.service.files import make_directory
from jiaozi.storage.privilege import dying_with_us

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0

# Below the ports that the kernel gives to connections.
_SLOTS_PER_DRIVER = 2
_POLL_S = 0.01
_DISABLE_POLKIT = "--disable-polkit"
_LOG_BYTES_SHOWN = 1000

# $0 is our directory, $@ the program.
_IN_PLACES_OF_ITS_OWN = (
    'mount -t tmpfs none /run && mkdir /run/pcscd && mount --bind "$0" /run/pcscd'
    ' && mount -t tmpfs none /usr/lib/pcsc/drivers && exec "$@"'
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One virtual reader.

    Attributes:
        reader: Its name in PC/SC.
        port: Where a card process connects to be in it.
    """

    reader: str
    port: int


@dataclass(frozen=True, slots=True)
class VirtualReaders:
    """A running pcscd with its readers.

    Attributes:
        pid: Of pcscd.
        environment: What programs need in theirs to reach it.
        slots: In the order of their names.
    """

    pid: int
    environment: Mapping[str, str]
    slots: Sequence[Slot]


@contextmanager
def virtual_readers(home: Path, *, slots: int = _SLOTS_PER_DRIVER) -> Iterator[VirtualReaders]:
    """Run a pcscd with virtual readers; it ends with the block, or with us.

    Args:
        home: A directory for its files, not below ``/run``; made if it is missing.
        slots: How many readers; an odd number is rounded up.

    Raises:
        ReadersFailed: Packages are missing, or it did not start.
    """
    if missing := _missing_packages():
        raise ReadersFailed(
            happened=f"Virtual card readers take Debian's {' and '.join(missing)}.",
            remedy="Install what is missing, as root.",
        )
    pairs = -(-slots // _SLOTS_PER_DRIVER)
    ports = free_ports(pairs * _SLOTS_PER_DRIVER)[::_SLOTS_PER_DRIVER]
    run, log = home / "run", home / "pcscd.log"
    make_directory(run)
    _configure(home / "reader.conf.d", ports)
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            _command(run, home / "reader.conf.d"),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        _await_ready(daemon, run / "pcscd.comm", ports, log)
        yield VirtualReaders(
            daemon.pid, {"PCSCLITE_CSOCK_NAME": str(run / "pcscd.comm")}, _slots(ports)
        )
    finally:
        daemon.terminate()
        try:
            daemon.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _missing_packages() -> list[str]:
    """Return the Debian packages that virtual readers take and that are not installed."""
    found = {"pcscd": _pcscd() is not None, "vsmartcard-vpcd": DRIVER.exists()}
    return [name for name, there in found.items() if not there]


def _pcscd() -> str | None:
    return shutil.which("pcscd") or shutil.which("/usr/sbin/pcscd")


def _command(run: Path, configuration: Path) -> list[str]:
    pcscd = _pcscd()
    assert pcscd is not None, "asked for before"
    # Where it is built with polkit, it would ask a service that our namespace hides.
    known = subprocess.run([pcscd, "--help"], capture_output=True, text=True, check=False).stdout
    return [
        "unshare", "--mount", "--map-root-user", "/bin/sh", "-c", _IN_PLACES_OF_ITS_OWN, str(run),
        *dying_with_us("KILL"),
        pcscd, "--foreground", "--config", str(configuration),
        *([_DISABLE_POLKIT] if _DISABLE_POLKIT in known else []),
    ]  # fmt: skip


def _configure(directory: Path, ports: Sequence[int]) -> None:
    """Write pcscd's list of readers, and a copy of the driver for each pair of slots.

    It is one file: of several, pcscd takes whichever the directory lists first.
    """
    make_directory(directory)
    readers = []
    for pair, port in enumerate(ports):
        driver = shutil.copy(DRIVER, directory.parent / f"driver-{pair}.so")
        readers.append(
            f'FRIENDLYNAME "{_name(pair)}"\n'
            f"DEVICENAME /dev/null:{port:#x}\n"
            f"LIBPATH {driver}\n"
            f"CHANNELID {port:#x}\n"
        )
    (directory / "readers").write_text("\n".join(readers))


def _name(pair: int) -> str:
    return f"Jiaozi reader {chr(ord('A') + pair)}"


def _slots(ports: Sequence[int]) -> list[Slot]:
    """Name the slots as pcscd does: number among readers of one name, number of the slot."""
    return [
        Slot(f"{_name(pair)} 00 {slot:02X}", port + slot)
        for pair, port in enumerate(ports)
        for slot in range(_SLOTS_PER_DRIVER)
    ]


def _await_ready(
    daemon: subprocess.Popen[bytes], at: Path, ports: Sequence[int], log: Path
) -> None:
    """Return when the socket is there and every slot listens; a connection would be a card."""
    wanted = {port + slot for port in ports for slot in range(_SLOTS_PER_DRIVER)}
    deadline = time.monotonic() + READY_TIMEOUT_S
    while daemon.poll() is None and time.monotonic() < deadline:
        with suppress(psutil.Error):
            open_ports = psutil.Process(daemon.pid).net_connections("tcp4")
            if at.exists() and wanted <= {each.laddr.port for each in open_ports}:
                return
        time.sleep(_POLL_S)
    said = log.read_text("utf-8", errors="replace")[-_LOG_BYTES_SHOWN:]
    raise ReadersFailed(
        happened=f"pcscd did not start: {said or 'it said nothing'}",
        remedy="It needs mount namespaces: root has them, and users where the kernel allows it.",
    )
