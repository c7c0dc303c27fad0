"""Take a wallet's keys elsewhere: one sealed file with the keystore and the whole journal.

::

    file   = JSON line {"format": "jiaozi-wallet-export/1", "kdf", "nonce", "exported_ms"} || sealed
    sealed = AES-256-GCM(key, nonce, CBOR [keystore file, journal file], aad = JSON line)

A copied key could pay twice what was ordered once: by an order that the copy does not know of, or
by a second try at a payroll or a payment request. So the journal goes along, finished and
unfinished orders alike, and the wallet *moves*: before the file is written the journal it came from
takes no new order any more (its database refuses them too). What is open there may still be resumed
on both sides: the same bytes settle once. Importing makes a wallet where there is none, and never
overwrites one.

Whoever imports one file in two places has two wallets that do not know of each other's later
orders. Payment requests and returns are then still looked up in the operator's history; a payroll
file is not, and must be run in one place.
"""

import base64
import json
from pathlib import Path
from typing import Any

from argon2.exceptions import HashingError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jiaozi.protocol import cbor
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import (
    ExportDamaged,
    ExportFailed,
    KeystoreExists,
    PassphraseWrong,
    WalletNotOpen,
)
from jiaozi.wallet.keystore import (
    DEFAULT_COST,
    NONCE_LENGTH,
    KdfCost,
    WalletPublic,
    derive,
    new_kdf,
    read_keystore,
    write_whole,
)
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import journal_path, keystore_path, open_journal

EXPORT_BYTES_MAX = 1 << 30

_FORMAT = "jiaozi-wallet-export/1"
_HEAD_BYTES_MAX = 4096


def export_keys(
    directory: Path, file: Path, passphrase: str, edge: Edge, *, cost: KdfCost = DEFAULT_COST
) -> int:
    """Move a wallet into a file, and return how many orders are open in it.

    After a crash, or to write the file once more, the same command does it again.

    Raises:
        KeystoreMissing: There is no wallet.
        PassphraseWrong: It stays locked, and where it is.
        WalletNotOpen: The operator has not confirmed it yet.
        ExportFailed: The file exists or cannot be written; the wallet stays where it is.
        JournalUnavailable: Likewise.
        JournalMissing: Likewise.
    """
    path = keystore_path(directory)
    public = read_keystore(path, passphrase).public
    if public.number is None:
        raise WalletNotOpen(detail="The operator has not confirmed this wallet yet")
    with open_journal(directory, public) as journal:
        was_moved = journal.is_moved()
        journal.mark_moved(edge.now_ms())
        try:
            data = _seal(path.read_bytes(), journal.snapshot(), passphrase, edge, cost)
            write_whole(file, data, replace=False)
        except (OSError, KeystoreExists) as error:
            if not was_moved:
                journal.mark_arrived()
            reason = error.detail if isinstance(error, KeystoreExists) else error
            raise ExportFailed(detail=f"{file} cannot be written: {reason}") from error
        return journal.open_count()


def import_keys(directory: Path, file: Path, passphrase: str) -> WalletPublic:
    """Put an exported wallet into a directory that has none.

    The keystore comes last: without it there is no wallet, so a crash leaves none behind.

    Raises:
        ExportFailed: The file cannot be read.
        ExportDamaged: It is no export.
        PassphraseWrong: Another passphrase, or a changed file.
        KeystoreExists: There is a wallet, or a journal, already.
    """
    keystore_bytes, journal_bytes = _open(file, passphrase)
    path, kept = keystore_path(directory), journal_path(directory)
    for each in (path, kept):
        if each.exists():
            raise KeystoreExists(detail=f"There is a wallet in {directory} already ({each.name})")
    write_whole(kept, journal_bytes, replace=False)
    with Journal(kept) as journal:
        journal.mark_arrived()
    write_whole(path, keystore_bytes, replace=False)
    return read_keystore(path, passphrase).public


def _seal(keystore: bytes, journal: bytes, passphrase: str, edge: Edge, cost: KdfCost) -> bytes:
    nonce = edge.random(NONCE_LENGTH)
    document: dict[str, Any] = {
        "format": _FORMAT,
        "exported_ms": edge.now_ms(),
        "kdf": new_kdf(cost, edge.random),
        "nonce": base64.b64encode(nonce).decode(),
    }
    head = json.dumps(document, sort_keys=True).encode() + b"\n"
    key = derive(passphrase, document["kdf"])
    return head + AESGCM(key).encrypt(nonce, cbor.encode([keystore, journal]), head)


def _open(file: Path, passphrase: str) -> tuple[bytes, bytes]:
    """Return the files that an export holds."""
    try:
        with file.open("rb") as opened:
            head, sealed = opened.readline(_HEAD_BYTES_MAX), opened.read(EXPORT_BYTES_MAX + 1)
    except OSError as error:
        raise ExportFailed(detail=f"{file} cannot be read: {error}") from error
    try:
        document = json.loads(head)
        if type(document) is not dict or document["format"] != _FORMAT:
            raise ValueError("another format")
        nonce = base64.b64decode(document["nonce"], validate=True)
        secret = AESGCM(derive(passphrase, document["kdf"])).decrypt(nonce, sealed, head)
    except InvalidTag:
        raise PassphraseWrong(detail=f"The passphrase does not open {file}") from None
    except (HashingError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ExportDamaged(detail=f"{file} is no export of a wallet") from error
    parts = cbor.decode(secret, size_max=EXPORT_BYTES_MAX)
    assert isinstance(parts, list)
    return parts[0], parts[1]
