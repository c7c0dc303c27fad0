"""The root key among custodians: whole in memory while it signs, on no disk ever.

::

    LABEL.share = sealed file (`jiaozi.service.sealed`): {"format": "jiaozi-root-share/1",
                  "custodian", "root_key", "point", "needed", "count"}; its secret is the share

Each custodian keeps one share under a passphrase of their own. As many as are ``needed`` come
together at a machine that is offline to certify a key; fewer can do nothing (`shares`).
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jiaozi.central_bank.certification.shares import combine, split
from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.sealed import (
    DEFAULT_COST,
    KdfCost,
    KeyStoreError,
    check_passphrase,
    damaged,
    read_sealed,
    write_sealed,
)

_FORMAT = "jiaozi-root-share/1"
_SEED_LENGTH = 32


@dataclass(kw_only=True, eq=False)
class SharesUnfit(KeyStoreError):
    """These shares do not make the root: too few, twice the same, or of another root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """Who keeps the root.

    Attributes:
        needed: How many custodians make it, at least 2.
        passphrases: Of each custodian, by label.
        cost: Of trying a passphrase.
    """

    needed: int
    passphrases: Mapping[str, str]
    cost: KdfCost = DEFAULT_COST


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An opened share, and what it says of the others."""

    custodian: str
    root_key: bytes
    point: int
    needed: int
    value: bytes


def split_root(
    custody: Custody, directory: Path, *, random: Callable[[int], bytes] = secrets.token_bytes
) -> Signer:
    """Make a root key and give each custodian a share; return what signs, for this ceremony.

    Raises:
        SharesUnfit: More custodians needed than there are, or fewer than 2.
        PassphraseUnfit: One is too short.
        KeyExists: There is a share already.
    """
    for passphrase in custody.passphrases.values():
        check_passphrase(passphrase)
    seed = random(_SEED_LENGTH)
    root = Ed25519Signer(seed)
    count = len(custody.passphrases)
    try:
        shares = split(seed, needed=custody.needed, count=count, random=random)
    except ValueError:
        detail = f"{custody.needed} of {count} custodians cannot be: at least 2, at most all."
        raise SharesUnfit(detail=detail) from None
    for (point, value), (label, passphrase) in zip(
        shares.items(), custody.passphrases.items(), strict=True
    ):
        known = {
            "format": _FORMAT,
            "custodian": label,
            "root_key": root.public_key.hex(),
            "point": point,
            "needed": custody.needed,
            "count": count,
        }
        path = directory / f"{label}.share"
        write_sealed(path, known, value, passphrase, random=random, cost=custody.cost)
    return root


def open_share(path: Path, passphrase: str) -> Share:
    """Open a custodian's share.

    Raises:
        KeyMissing: There is none.
        KeyDamaged: The file is not a share.
        PassphraseWrong: Another passphrase, or a changed file.
    """
    document, value = read_sealed(path, _FORMAT, passphrase)
    try:
        return Share(
            custodian=str(document["custodian"]),
            root_key=bytes.fromhex(document["root_key"]),
            point=int(document["point"]),
            needed=int(document["needed"]),
            value=value,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path) from error


def assemble_root(shares: Sequence[Share], root_key: bytes) -> Signer:
    """Make the root key of a network from its custodians' shares, in memory.

    Raises:
        SharesUnfit: They are of another root, twice of one custodian, or too few.
    """
    if any(each.root_key != root_key for each in shares):
        raise SharesUnfit(detail="A share is of another network's root.")
    points = {each.point: each.value for each in shares}
    if len(points) != len(shares):
        raise SharesUnfit(detail="Two of these shares are the same one.")
    needed = max((each.needed for each in shares), default=2)
    if len(points) < needed:
        raise SharesUnfit(detail=f"Shares here: {len(points)}; the root takes {needed}.")
    try:
        root = Ed25519Signer(combine(points))
    except ValueError:
        raise SharesUnfit(detail="These are no shares of a root.") from None
    if root.public_key != root_key:
        raise SharesUnfit(detail="These shares do not make the root.")
    return root
