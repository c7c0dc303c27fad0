"""A purse in a file of this machine: no secure element, and labelled as such.

Whoever owns the machine can copy the file and spend twice before it is found. What bounds that:
lower limits in the certificate, a few days until the purse has to be synchronised, and the proof
that its own signatures are; what it cannot do is spend what it never had without being named.

A small SQLite file of its own (WAL, ``synchronous=FULL``). A step is one transaction: the purse is
read, changed and synced to disk before its message is returned. Two processes that use it at once
take turns. What breaks off while a purse is made leaves a file without one, and is begun again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Self, TypeVar

from jiaozi.protocol.cbor import NotCanonical
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.balances import SALT_LENGTH
from jiaozi.protocol.offline.certificate import Anchor, Chain
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.messages import CHALLENGE_LENGTH
from jiaozi.protocol.offline.proofs import ProofFound
from jiaozi.protocol.offline.purse import Purse, new_purse, read_purse
from jiaozi.protocol.offline.view import numbers_of
from jiaozi.protocol.suites import Signer
from jiaozi.wallet.edge import SYSTEM_EDGE, Edge
from jiaozi.wallet.errors import PurseDamaged, PurseExists, PurseMissing, PurseUnavailable
from jiaozi.wallet.offline.device import PurseView

_Said = TypeVar("_Said")

_LOCK_WAIT_S = 30.0
_DAMAGES = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS purse (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    state    BLOB NOT NULL
) STRICT;
-- Found here: payments and loads that convict who signed them. They are handed in at an operator.
CREATE TABLE IF NOT EXISTS proofs (
    hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
    proof BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""


class SoftwarePurse:
    """An open purse file with its key: a `jiaozi.wallet.offline.device.PurseDevice`."""

    def __init__(
        self, path: Path, signer: Signer, anchor: Anchor, *, edge: Edge = SYSTEM_EDGE
    ) -> None:
        """Open a purse that was made before.

        Raises:
            PurseMissing: There is none at this place.
            PurseUnavailable: The file cannot be read or written.
            PurseDamaged: It is no purse, or the purse of another key.
        """
        if not holds_purse(path):
            raise PurseMissing(detail=f"There is no purse at {path}")
        self._path, self._signer, self._anchor, self._edge = path, signer, anchor, edge
        with _explained(path):
            self._connection = _connect(path)
        try:
            is_own = self.purse.device.key == signer.public_key
        except BaseException:
            self.close()
            raise
        if not is_own:
            self.close()
            raise PurseDamaged(detail=f"{path} is the purse of another key")

    @classmethod
    def create(
        cls, path: Path, chain: Chain, signer: Signer, anchor: Anchor, *, edge: Edge = SYSTEM_EDGE
    ) -> Self:
        """Make the empty purse of a key that was just certified.

        Raises:
            PurseExists: There is a purse already; it is never overwritten.
            PurseUnavailable: The file cannot be written.
            PurseDamaged: There is a file that is no purse.
            Refusal: ``device_uncertified``.
        """
        purse = new_purse(chain, anchor)
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(_connect(path)) as connection:
                made = connection.execute(
                    "INSERT INTO purse (only_one, state) VALUES (1, ?) ON CONFLICT DO NOTHING",
                    (purse.encoded(),),
                )
        if not made.rowcount:
            raise PurseExists(detail=f"There is a purse at {path} already")
        return cls(path, signer, anchor, edge=edge)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is pending, since every step syncs what it wrote."""
        self._connection.close()

    @property
    def purse(self) -> Purse:
        """The purse as it stands on disk."""
        with _explained(self._path):
            return self._read()

    def view(self) -> PurseView:
        """Show where it stands."""
        purse = self.purse
        return PurseView(chain=purse.chain, device=purse.device, **asdict(numbers_of(purse)))

    def ask(self, amount_fen: int, expires_ms: int) -> bytes:
        """Make a request for a payment."""
        challenge = self._edge.random(CHALLENGE_LENGTH)
        return self._step(
            lambda purse: steps.ask(
                purse, amount_fen=amount_fen, challenge=challenge, expires_ms=expires_ms,
                signer=self._signer,
            )
        )  # fmt: skip

    def pay(self, request: bytes) -> bytes:
        """Pay what another purse asks for; the same request again gives the same payment."""
        salt = self._edge.random(SALT_LENGTH)
        return self._step(lambda purse: steps.pay(purse, request, salt=salt, signer=self._signer))

    def collect(self, payment: bytes) -> bytes:
        """Take a payment and return its acknowledgement."""
        return self._step(lambda purse: steps.collect(purse, payment, signer=self._signer))

    def acknowledge(self, acknowledgement: bytes, payment: bytes) -> None:
        """Note that a payment has arrived."""
        self._change(lambda purse: steps.acknowledge(purse, acknowledgement, payment))

    def unload(self, amount_fen: int, wallet: int) -> bytes:
        """Pay to a wallet, through an operator."""
        salt = self._edge.random(SALT_LENGTH)
        return self._step(
            lambda purse: steps.unload(
                purse, amount_fen=amount_fen, wallet=wallet, salt=salt, signer=self._signer
            )
        )

    def waiting(self) -> list[bytes]:
        """Return the payments that nobody has acknowledged, to be said again."""
        return self.purse.waiting

    def hand_in(self) -> bytes:
        """Say what an operator needs to settle."""
        return synchronisation.hand_in(self.purse, signer=self._signer)

    def take_load(self, load: bytes) -> None:
        """Take money that the registry has moved here."""
        self._change(lambda purse: loading.take_load(purse, load))

    def synchronise(self, checkpoint: bytes, time: bytes) -> None:
        """Go on from what the registry says that the purse holds."""
        self._change(lambda purse: synchronisation.synchronise(purse, checkpoint, time))

    def raise_floor(self, time: bytes) -> None:
        """Learn the time from a header."""
        self._change(lambda purse: news.raise_floor(purse, time))

    def learn_revocations(self, frame: bytes) -> None:
        """Take a frame of the revocation list."""
        self._change(lambda purse: news.learn_revocations(purse, frame))

    def frames_after(self, number: int) -> list[bytes]:
        """Return frames of the list for another device that is at a number."""
        return self.purse.revocations.frames_after(number)

    def enrolment(self, enrolment: Enrolment) -> bytes:
        """Say to an operator whose it is to be."""
        return sign_enrolment(enrolment, self._signer, self._anchor.network)

    def renew(self, chain: Chain) -> None:
        """Take a later certificate for the same key."""
        self._change(lambda purse: synchronisation.renew(purse, chain))

    def keep_proof(self, proof: bytes) -> None:
        """Keep what convicts somebody until it is handed in."""
        with _explained(self._path):
            self._connection.execute(
                "INSERT INTO proofs (hash, proof) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (sha256(proof).digest(), proof),
            )

    def proofs(self) -> list[bytes]:
        """Return what convicts devices or their operator, as far as it was found here."""
        with _explained(self._path):
            rows = self._connection.execute("SELECT proof FROM proofs ORDER BY hash").fetchall()
        return [proof for (proof,) in rows]

    def _change(self, step: Callable[[Purse], Purse]) -> None:
        self._step(lambda purse: (step(purse), None))

    def _step(self, step: Callable[[Purse], tuple[Purse, _Said]]) -> _Said:
        """Carry out one step; a proof that comes of it is kept."""
        try:
            return self._written(step)
        except ProofFound as found:
            self.keep_proof(found.proof)
            raise

    def _written(self, step: Callable[[Purse], tuple[Purse, _Said]]) -> _Said:
        """Return what a step says once the new purse is on disk."""
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                before = self._read()
                after, said = step(before)
                if after is not before:
                    self._connection.execute("UPDATE purse SET state = ?", (after.encoded(),))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return said

    def _read(self) -> Purse:
        [state] = self._connection.execute("SELECT state FROM purse").fetchone()
        try:
            return read_purse(state, self._anchor)
        except (NotCanonical, IndexError, TypeError, ValueError) as error:
            raise PurseDamaged(detail=f"{self._path} is damaged") from error


def holds_purse(path: Path) -> bool:
    """Say whether a purse was made at a place.

    Raises:
        PurseUnavailable: The file cannot be read.
        PurseDamaged: It is no purse.
    """
    if not path.exists():
        return False
    with _explained(path), closing(_connect(path)) as connection:
        return connection.execute("SELECT 1 FROM purse").fetchone() is not None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        if connection.execute("PRAGMA user_version").fetchone() != (_SCHEMA_VERSION,):
            connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) in _DAMAGES:
            raise PurseDamaged(detail=f"{path} is damaged: {error}") from error
        raise PurseUnavailable(detail=f"{path} cannot be read or written: {error}") from error
