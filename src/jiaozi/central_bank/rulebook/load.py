"""Read rulebook files: TOML, strictly.

::

    name = "2021-06"                 # 1 to 64 characters
    [personal.4]                     # holder and wallet class (1 to 9)
    balance_cap_fen = 1_000_000      # integers of fen; an absent cap does not bind
    single_fen = 200_000
    day_fen = 500_000
    year_fen = 5_000_000
    [corporate.1]                    # a class without caps
    [delays]                         # seconds of block time; those left out are rules.md's
    rebind_s = 259_200
    [offline]                        # absent: no device pays without network
    guarantee_permille = 100
    claim_wait_s = 3_888_000
    [offline.card]                   # profile and the most that its certificates may allow
    payment_fen = 50_000             # each of `PurseLimits`

Both holders must have a table. A rulebook is what its bytes say: change a comment and it is
another one, with another hash.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from jiaozi.central_bank.rulebook.model import ClassLimits, Delays, OfflineRules, Rulebook
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.offline.certificate import (
    HOPS_MAX,
    LIMIT_NAMES,
    PAYMENTS_MAX,
    Profile,
    PurseLimits,
)
from jiaozi.protocol.order_types import Holder

RULEBOOK_BYTES_MAX = 64 * 1024
NAME_LENGTH_MAX = 64

_HOLDERS = {holder.name.lower(): holder for holder in Holder}
_CLASSES = {str(number): number for number in range(1, 10)}
_CAPS = frozenset(each.name for each in fields(ClassLimits))
_DELAYS = frozenset(each.name for each in fields(Delays))
_DELAY_S_MAX = 366 * 86_400
_PROFILES = {profile.name.lower(): profile for profile in Profile}
_OFFLINE = {"guarantee_permille": 1000, "claim_wait_s": _DELAY_S_MAX}
_BOUND_MAX = {"out_count": PAYMENTS_MAX, "in_count": PAYMENTS_MAX, "days": 366, "hops": HOPS_MAX}


@dataclass(kw_only=True, eq=False)
class RulebookInvalid(Exception):
    """A file is not a rulebook; `key` is the dotted name of what is wrong, or the file's."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"This rulebook cannot be used: {self.key} {self.reason}."


def read_rulebook(data: bytes) -> Rulebook:
    """Read the bytes of a rulebook file.

    Raises:
        RulebookInvalid: Naming the key that is unknown, missing, or has a value that is no cap.
    """
    document = _parse(data)
    name = document.pop("name", None)
    if type(name) is not str or not 0 < len(name) <= NAME_LENGTH_MAX:
        raise RulebookInvalid(key="name", reason=f"is a text of 1 to {NAME_LENGTH_MAX} characters")
    limits: dict[tuple[int, int], ClassLimits] = {}
    for holder_name, holder in _HOLDERS.items():
        for class_name, row in _table(document.pop(holder_name, None), holder_name).items():
            key = f"{holder_name}.{class_name}"
            if class_name not in _CLASSES:
                raise RulebookInvalid(key=key, reason="is no wallet class from 1 to 9")
            limits[holder, _CLASSES[class_name]] = _class_limits(key, _table(row, key))
    delays = _delays(_table(document.pop("delays", {}), "delays"))
    offline = _offline(_table(document.pop("offline", {}), "offline"))
    for unknown in document:
        raise RulebookInvalid(key=unknown, reason="is unknown")
    if not limits:
        raise RulebookInvalid(key="personal", reason="has no wallet class")
    return Rulebook(
        hash=sha256(data).digest(),
        name=name,
        limits=MappingProxyType(limits),
        delays=delays,
        offline=offline,
    )


@cache
def shipped() -> Mapping[bytes, Rulebook]:
    """Return the rulebooks that come with Jiaozi, by hash."""
    folder = resources.files("jiaozi.central_bank.rulebook") / "rulebooks"
    files = [each for each in folder.iterdir() if each.name.endswith(".toml")]
    return _by_hash(read_rulebook(each.read_bytes()) for each in files)


def load_directory(path: Path) -> Mapping[bytes, Rulebook]:
    """Read every ``.toml`` file of a directory; the result is by hash.

    Raises:
        RulebookInvalid: Naming the file and the key.
        OSError: The directory or a file cannot be read.
    """
    return _by_hash(_read_file(each) for each in path.iterdir() if each.suffix == ".toml")


def _read_file(file: Path) -> Rulebook:
    try:
        return read_rulebook(file.read_bytes())
    except RulebookInvalid as error:
        raise RulebookInvalid(key=f"{file}: {error.key}", reason=error.reason) from None


def _by_hash(rulebooks: Iterable[Rulebook]) -> Mapping[bytes, Rulebook]:
    return MappingProxyType({each.hash: each for each in rulebooks})


def _parse(data: bytes) -> dict[str, object]:
    if len(data) > RULEBOOK_BYTES_MAX:
        raise RulebookInvalid(key="file", reason=f"is longer than {RULEBOOK_BYTES_MAX} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulebookInvalid(key="file", reason=f"is not TOML ({error})") from None


def _table(value: object, key: str) -> dict[str, object]:
    if type(value) is not dict:
        raise RulebookInvalid(key=key, reason="is missing or no table")
    return value


def _class_limits(key: str, row: Mapping[str, object]) -> ClassLimits:
    caps: dict[str, int] = {}
    for name, value in row.items():
        if name not in _CAPS:
            raise RulebookInvalid(key=f"{key}.{name}", reason="is unknown")
        if type(value) is not int or not 0 < value <= FEN_MAX:
            raise RulebookInvalid(key=f"{key}.{name}", reason="is not a positive number of fen")
        caps[name] = value
    return ClassLimits(**caps)


def _delays(row: Mapping[str, object]) -> Delays:
    seconds: dict[str, int] = {}
    for name, value in row.items():
        if name not in _DELAYS:
            raise RulebookInvalid(key=f"delays.{name}", reason="is unknown")
        if type(value) is not int or not 0 < value <= _DELAY_S_MAX:
            raise RulebookInvalid(key=f"delays.{name}", reason="is not a number of seconds")
        seconds[name] = value
    return Delays(**seconds)


def _offline(table: Mapping[str, object]) -> OfflineRules:
    values: dict[str, int] = {}
    bounds: dict[int, PurseLimits] = {}
    for name, value in table.items():
        key = f"offline.{name}"
        if name in _PROFILES:
            bounds[_PROFILES[name]] = _bounds(key, _table(value, key))
        elif name not in _OFFLINE:
            raise RulebookInvalid(key=key, reason="is unknown")
        elif type(value) is not int or not 0 < value <= _OFFLINE[name]:
            raise RulebookInvalid(key=key, reason=f"is not a number from 1 to {_OFFLINE[name]}")
        else:
            values[name] = value
    return OfflineRules(**values, bounds=MappingProxyType(bounds))


def _bounds(key: str, row: Mapping[str, object]) -> PurseLimits:
    bounds: dict[str, int] = {}
    for name, value in row.items():
        if name not in LIMIT_NAMES:
            raise RulebookInvalid(key=f"{key}.{name}", reason="is unknown")
        largest = _BOUND_MAX.get(name, FEN_MAX)
        if type(value) is not int or not 0 < value <= largest:
            raise RulebookInvalid(key=f"{key}.{name}", reason=f"is no number from 1 to {largest}")
        bounds[name] = value
    for name in LIMIT_NAMES:
        if name not in bounds:
            raise RulebookInvalid(key=f"{key}.{name}", reason="is missing")
    if bounds["out_count"] + bounds["in_count"] > PAYMENTS_MAX:
        reason = f"and out_count are more than {PAYMENTS_MAX} together"
        raise RulebookInvalid(key=f"{key}.in_count", reason=reason)
    return PurseLimits(**bounds)
