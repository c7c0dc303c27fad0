"""The state file: the last state whose hash a header names, where the next audit goes on.

::

    file    = frame: CBOR [1, network id, height, header]; frame: records; ...; frame: empty;
              frame: naming header
    frame   = length: 4 bytes || bytes
    records = the CBOR sequence of `jiaozi.protocol.state`, cut anywhere between two

``header`` is the one at that height, ``naming header`` the later one that names the state's hash.
So the file proves itself: the registry has signed the hash of what it holds, and no one else could
have. It is written while the state is hashed, and takes its name when the hash was compared. The
ids that orders used up are beside it (`used_ids`), for no hash covers them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from jiaozi.central_bank.audit.check import check_header
from jiaozi.central_bank.audit.model import CheckedHeader, RawBlock
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Refusal
from jiaozi.protocol.state import StateHash
from jiaozi.storage.server_files import sync_directory

_FORMAT = 1
_LENGTH = Struct(">I")
_RECORDS_PER_FRAME = 1_000
_FRAME_BYTES_MAX = 1 << 20
_RECORD_BYTES_MAX = 1024


@dataclass(kw_only=True, eq=False)
class SavedStateUnusable(Exception):
    """A saved state cannot be gone on from; an audit from genesis can take its place."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Saved:
    """A state whose hash the registry has signed, and the header at its height."""

    network: NetworkId
    header: CheckedHeader
    state: State
    state_hash: bytes


def hash_state(state: State, height: int) -> bytes:
    """Hash a rebuilt state."""
    hashed = StateHash(height)
    for frame in _frames(state):
        hashed.add([frame])
    return hashed.digest()


def write_candidate(path: Path, network: NetworkId, block: RawBlock, state: State) -> bytes:
    """Write the state after a block beside the state file, before a header names it.

    Returns:
        Its hash.
    """
    hashed = StateHash(block.height)
    with _candidate(path, block.height).open("wb") as file:
        _write_frame(file, cbor.encode([_FORMAT, network, block.height, block.header]))
        for frame in _frames(state):
            hashed.add([frame])
            _write_frame(file, frame)
    return hashed.digest()


def promote(path: Path, height: int, naming_header: bytes) -> bool:
    """Make a candidate the state file, for a header has named its hash; False without one."""
    candidate = _candidate(path, height)
    if not candidate.exists():
        return False
    with candidate.open("ab") as file:
        _write_frame(file, b"")
        _write_frame(file, naming_header)
        file.flush()
        os.fsync(file.fileno())
    candidate.replace(path)
    sync_directory(path.parent)
    return True


def discard_candidates(path: Path) -> None:
    """Remove candidates that were left behind."""
    for each in path.parent.glob(f".{path.name}.at-*"):
        each.unlink(missing_ok=True)


def read_saved(path: Path) -> Saved | None:
    """Read the state file and check its proof; None when there is none.

    1. It is whole, and of this form.
    2. Both headers are signed, by keys that are certified in the state for signing blocks.
    3. The later one names the height of the earlier, and the hash of the records.

    Raises:
        SavedStateUnusable: One of these does not hold.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return None
    except (cbor.NotCanonical, Refusal, TypeError, ValueError, IndexError) as error:
        raise SavedStateUnusable(reason=f"the state file {path} is damaged: {error}") from None


def _read(file: BinaryIO) -> Saved:
    form, network_id, height, header_bytes = _list(_read_frame(file))
    if form != _FORMAT:
        raise SavedStateUnusable(reason="the state file is of another version")
    network = NetworkId(network_id)
    state, hashed = State(), StateHash(height)
    while frame := _read_frame(file):
        hashed.add([frame])
        for record, _ in cbor.decode_sequence(
            frame, items_max=_RECORDS_PER_FRAME, item_size_max=_RECORD_BYTES_MAX
        ):
            state.take_record(_as_list(record))
    state_hash = hashed.digest()
    _, header = check_header(network, header_bytes)
    _, naming = check_header(network, _read_frame(file))
    if file.read(1):
        raise ValueError("it goes on after its end")
    for each in (header, naming):
        known = state.keys.get(each.key)
        if known is None or known.certified.use is not Use.REGISTRY_BLOCK:
            raise SavedStateUnusable(reason="the state file bears the signature of another key")
    if header.height != height or naming.state != (height, state_hash):
        raise SavedStateUnusable(reason="the state file is not the state that its header names")
    return Saved(network, header, state, state_hash)


def _frames(state: State) -> Iterator[bytes]:
    records = state.records()
    while frame := b"".join(islice(records, _RECORDS_PER_FRAME)):
        yield frame


def _write_frame(file: BinaryIO, data: bytes) -> None:
    file.write(_LENGTH.pack(len(data)))
    file.write(data)


def _read_frame(file: BinaryIO) -> bytes:
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise ValueError("it ends too early")
    length = _LENGTH.unpack(head)[0]
    data = file.read(min(length, _FRAME_BYTES_MAX))
    if len(data) < length:
        raise ValueError("it ends too early")
    return data


def _list(data: bytes) -> list[Any]:
    return _as_list(cbor.decode(data, size_max=_FRAME_BYTES_MAX))


def _as_list(value: object) -> list[Any]:
    if type(value) is not list:
        raise TypeError("not a list")
    return value


def _candidate(path: Path, height: int) -> Path:
    return path.with_name(f".{path.name}.at-{height}")
