"""The purse that a wallet's directory has: its key in a keystore of its own, its state beside it.

The key is made here and sealed like the wallet's, under the same passphrase. It never signs an
order, and the wallet's key signs no offline payment: who finds a purse does not have the wallet.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jiaozi.protocol.offline.certificate import Anchor, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.wallet.edge import SYSTEM_EDGE, Edge
from jiaozi.wallet.errors import KeystoreMissing, PurseExists, PurseMissing
from jiaozi.wallet.keystore import Keystore, read_keystore, read_public, write_keystore
from jiaozi.wallet.offline.desk import enrol
from jiaozi.wallet.offline.software import SoftwarePurse, holds_purse
from jiaozi.wallet.wallet import Wallet, keystore_path

_SEED_LENGTH = 32


def open_purse(directory: Path, passphrase: str, *, edge: Edge = SYSTEM_EDGE) -> SoftwarePurse:
    """Open the purse in a wallet's directory; this takes no network.

    Raises:
        PurseMissing: There is none.
        KeystoreDamaged: Its keystore is not one.
        PassphraseWrong: It stays locked.
        PurseUnavailable: Its file cannot be read or written.
    """
    try:
        keystore = read_keystore(_key_path(directory), passphrase)
    except KeystoreMissing as error:
        raise PurseMissing(detail=f"There is no purse in {directory}") from error
    return SoftwarePurse(_purse_path(directory), keystore.signer, _anchor(keystore), edge=edge)


async def make_purse(
    wallet: Wallet,
    directory: Path,
    passphrase: str,
    *,
    profile: Profile = Profile.SOFTWARE,
    limits: Mapping[str, int] | None = None,
) -> SoftwarePurse:
    """Make a key and have the wallet's operator certify it; begun again, it goes on with that key.

    Args:
        wallet: Whose purse it is.
        directory: The wallet's.
        passphrase: The wallet's.
        profile: `Profile.SOFTWARE` for a person, `Profile.TERMINAL` for a point of sale.
        limits: Lower ones than the rulebook's, by their names.

    Raises:
        PurseExists: There is one already.
        Refusal: The operator does not certify it.
        NoAnswer: Begin again.
    """
    if holds_purse(_purse_path(directory)):
        raise PurseExists(detail=f"There is a purse in {directory} already")
    try:
        keystore = read_keystore(_key_path(directory), passphrase)
    except KeystoreMissing:
        keystore = _new_key(directory, wallet)
        write_keystore(_key_path(directory), keystore, passphrase, random=wallet.edge.random)
    enrolment = Enrolment(
        operator=wallet.operator,
        profile=profile,
        wallet=wallet.number,
        limits=limits or {},
    )
    chain = await enrol(wallet, sign_enrolment(enrolment, keystore.signer, wallet.network))
    return SoftwarePurse.create(
        _purse_path(directory), chain, keystore.signer, _anchor(keystore), edge=wallet.edge
    )


def _new_key(directory: Path, wallet: Wallet) -> Keystore:
    seed = wallet.edge.random(_SEED_LENGTH)
    public = read_public(keystore_path(directory))
    return Keystore(public=replace(public, public_key=Ed25519Signer(seed).public_key), seed=seed)


def _anchor(keystore: Keystore) -> Anchor:
    return Anchor(network=keystore.public.network, root_key=keystore.public.root_key)


def _key_path(directory: Path) -> Path:
    return directory / "purse-key.json"


def _purse_path(directory: Path) -> Path:
    return directory / "purse.sqlite"
