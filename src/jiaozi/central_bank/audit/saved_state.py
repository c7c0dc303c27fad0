"""The state file: the last state whose hash a header names, where the next audit goes on.

::

    file     = frame: CBOR [5, network id, height, header, [certificate, ...]];
               frame: records; ...; frame: empty; frame: rest; ...; frame: empty;
               frame: SHA-256 over the frames of the rest; frame: naming header
    frame    = length: 4 bytes || bytes
    records  = the CBOR sequence of `jiaozi.protocol.state`, cut anywhere between two
    rest     = the CBOR sequences of `State.spending` and `Devices.unhashed`, cut likewise

``header`` is the one at that height, ``naming header`` the later one that names the state's hash.
So the records prove themselves: a block key that genesis or a certificate of the root names has
signed their hash. No header covers what limits count, what devices spoke, when keys were revoked,
nor the ids that orders used up, which are beside the file (`used_ids`): for these the auditor
trusts its own disk. The file is written while the state is hashed, and takes its name when the hash
was compared.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from jiaozi.central_bank.audit.check import check_header
from jiaozi.central_bank.audit.model import CheckedHeader, RawBlock
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol import cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.refusals import Refusal
from jiaozi.protocol.state import StateHash
from jiaozi.storage.server_files import sync_directory

_FORMAT = 5
_LENGTH = Struct(">I")
_RECORDS_PER_FRAME = 1_000
_FRAME_BYTES_MAX = 1 << 20
_RECORD_BYTES_MAX = 36 * 1024
_FRAME_BYTES = _FRAME_BYTES_MAX - _RECORD_BYTES_MAX


@dataclass(kw_only=True, eq=False)
class SavedStateUnusable(Exception):
    """A saved state cannot be gone on from; an audit from genesis can take its place."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Saved:
    """A state whose hash the registry has signed, and the header at its height."""

    header: CheckedHeader
    state: State
    state_hash: bytes


def hash_state(state: State, height: int) -> bytes:
    """Hash a rebuilt state."""
    hashed = StateHash(height)
    for frame in _frames(state.records()):
        hashed.add([frame])
    return hashed.digest()


def write_candidate(path: Path, network: NetworkId, block: RawBlock, state: State) -> bytes:
    """Write the state after a block beside the state file, before a header names it.

    Returns:
        Its hash.
    """
    hashed = StateHash(block.height)
    with _candidate(path, block.height).open("wb") as file:
        certificates = state.block_certificates
        head = [_FORMAT, network, block.height, block.header, certificates]
        _write_frame(file, cbor.encode(head))
        for frame in _frames(state.records()):
            hashed.add([frame])
            _write_frame(file, frame)
        _write_frame(file, b"")
        rest = sha256()
        for frame in _frames(map(cbor.encode, chain(state.spending(), state.devices.unhashed()))):
            rest.update(frame)
            _write_frame(file, frame)
        _write_frame(file, b"")
        _write_frame(file, rest.digest())
    return hashed.digest()


def promote(path: Path, height: int, naming_header: bytes) -> bool:
    """Make a candidate the state file, for a header has named its hash; False without one."""
    candidate = _candidate(path, height)
    if not candidate.exists():
        return False
    with candidate.open("ab") as file:
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


def read_saved(path: Path, network: Network) -> Saved | None:
    """Read the state file of a network and check its proof; None when there is none.

    1. It is whole, of this form and of this network.
    2. Both headers are signed with block keys that genesis or the root names.
    3. The later one names the height of the earlier, and the hash of the records.
    4. What no header covers is as it was written.

    Raises:
        SavedStateUnusable: One of these does not hold.
    """
    try:
        with path.open("rb") as file:
            header, state_hash, certificates = _prove(file, network)
            file.seek(0)
            state = _read_state(file)
            state.block_certificates = certificates
            return Saved(header, state, state_hash)
    except FileNotFoundError:
        return None
    except (cbor.NotCanonical, Refusal, ValueError) as error:
        raise SavedStateUnusable(reason=f"the state file {path} is damaged: {error}") from None


def _prove(file: BinaryIO, network: Network) -> tuple[CheckedHeader, bytes, list[bytes]]:
    """Check everything but the records, of which the hash is taken."""
    match cbor.decode(_read_frame(file), size_max=_FRAME_BYTES_MAX):
        case [int(form), bytes(network_id), int(height), bytes(header_bytes), list(certificates)]:
            if any(type(each) is not bytes for each in certificates):
                raise ValueError("it does not begin as it should")
            if form != _FORMAT or network_id != network.id or height < 0:
                raise ValueError("it is of another version or network")
        case _:
            raise ValueError("it does not begin as it should")
    hashed = StateHash(height)
    while frame := _read_frame(file):
        hashed.add([frame])
    rest = sha256()
    while frame := _read_frame(file):
        rest.update(frame)
    if _read_frame(file) != rest.digest():
        raise ValueError("what limits count is not as it was written")
    _, header = check_header(network.id, header_bytes)
    _, naming = check_header(network.id, _read_frame(file))
    if file.read(1):
        raise ValueError("it goes on after its end")
    block_keys = BlockKeys.of_network(network, certificates)
    if not all(block_keys.accept(each.key, each.time_ms) for each in (header, naming)):
        raise ValueError("its headers are signed with another key than a block key of the network")
    if header.height != height or naming.state != (height, hashed.digest()):
        raise ValueError("it is not the state that its header names")
    return header, hashed.digest(), certificates


def _read_state(file: BinaryIO) -> State:
    """Read the records of a file that was proven."""
    state = State()
    _read_frame(file)
    for record in _read_records(file):
        state.take_record(record)
    for item in _read_records(file):
        if isinstance(item[0], bytes):
            state.devices.take_unhashed(item)
        else:
            state.take_spending(item)
    return state


def _read_records(file: BinaryIO) -> Iterator[list[Any]]:
    """Read frames up to an empty one."""
    while frame := _read_frame(file):
        for record, _ in cbor.decode_sequence(
            frame, items_max=_RECORDS_PER_FRAME, item_size_max=_RECORD_BYTES_MAX
        ):
            assert isinstance(record, list)
            yield record


def _frames(records: Iterable[bytes]) -> Iterator[bytes]:
    frame: list[bytes] = []
    size = 0
    for record in records:
        frame.append(record)
        size += len(record)
        if len(frame) == _RECORDS_PER_FRAME or size >= _FRAME_BYTES:
            yield b"".join(frame)
            frame, size = [], 0
    if frame:
        yield b"".join(frame)


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


def _candidate(path: Path, height: int) -> Path:
    return path.with_name(f".{path.name}.at-{height}")
