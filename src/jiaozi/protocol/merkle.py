"""Merkle trees and inclusion proofs as in RFC 6962 §2.1 (SHA-256)."""

from collections.abc import Sequence
from hashlib import sha256

HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf."""
    return sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; of no leaves it is the hash of nothing."""
    if not leaves:
        return EMPTY_ROOT
    return _levels(leaves)[-1][0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path for a leaf: the sibling hashes from leaf to root.

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError("no such leaf")
    path = []
    for level in _levels(leaves)[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Compute the root that a proof leads to, or None when its length or a hash's does not fit.

    Source: RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    node, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != HASH_LENGTH:
            return None
        if node & 1 or node == last:
            current = sha256(b"\x01" + sibling + current).digest()
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            current = sha256(b"\x01" + current + sibling).digest()
        node >>= 1
        last >>= 1
    return current if last == 0 else None


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return every level of the tree; a node without a sibling moves up unchanged."""
    levels: list[Sequence[bytes]] = [leaves]
    while len(levels[-1]) > 1:
        level = levels[-1]
        above = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            above.append(level[-1])
        levels.append(above)
    return levels
