"""An unlocked wallet: its key, its journal and its operator, ready for the use cases beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import AccountNumber, format_number, operator_of
from jiaozi.protocol.suites import Signer
from jiaozi.wallet.block_keys import RegistryKeys
from jiaozi.wallet.client import WalletClient
from jiaozi.wallet.edge import SYSTEM_EDGE, Edge
from jiaozi.wallet.errors import JournalMissing, WalletNotOpen
from jiaozi.wallet.keystore import Keystore, WalletPublic, read_keystore
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Credentials, Patience, Transport

DEFAULT_PATIENCE = Patience()


def keystore_path(directory: Path) -> Path:
    """Return where a wallet's directory has its keystore."""
    return directory / "keystore.json"


def journal_path(directory: Path) -> Path:
    """Return where a wallet's directory has its journal."""
    return directory / "journal.sqlite"


def open_journal(directory: Path, public: WalletPublic) -> Journal:
    """Open the journal of the wallet in a directory; the caller closes it.

    Raises:
        JournalUnavailable: It cannot be read or written.
        JournalMissing: The wallet is open, and had none. There is a new one then.
    """
    journal = Journal(journal_path(directory))
    if journal.is_new and public.number is not None:
        journal.close()
        raise JournalMissing(detail=f"There was no journal at {journal_path(directory)}")
    return journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What every use case needs.

    Attributes:
        operator: That opened it, or carries it since that one failed.
        block_keys: Whose signature makes a header the registry's; the first is pinned from genesis.
    """

    number: AccountNumber
    operator: int
    network: NetworkId
    block_keys: RegistryKeys
    signer: Signer
    client: WalletClient
    journal: Journal
    edge: Edge


@asynccontextmanager
async def unlock(
    directory: Path,
    passphrase: str,
    *,
    edge: Edge = SYSTEM_EDGE,
    patience: Patience = DEFAULT_PATIENCE,
) -> AsyncIterator[Wallet]:
    """Open the wallet in a directory until the end of the block.

    Raises:
        KeystoreMissing: There is none.
        KeystoreDamaged: The keystore is not one.
        PassphraseWrong: It stays locked.
        WalletNotOpen: The operator has not confirmed it yet.
        JournalUnavailable: The journal cannot be read or written.
        JournalMissing: It was gone; the next time goes on with a new one.
    """
    keystore = read_keystore(keystore_path(directory), passphrase)
    with open_journal(directory, keystore.public) as journal:
        no_limit = httpx.Timeout(None)  # Patience bounds it
        async with httpx.AsyncClient(timeout=no_limit, trust_env=False) as http:
            yield wallet_of(keystore, journal, http, edge=edge, patience=patience)


def wallet_of(
    keystore: Keystore,
    journal: Journal,
    http: httpx.AsyncClient,
    *,
    edge: Edge = SYSTEM_EDGE,
    patience: Patience = DEFAULT_PATIENCE,
) -> Wallet:
    """Put a wallet together from its parts; the caller closes journal and HTTP client.

    Raises:
        WalletNotOpen: The keystore has no number yet.
    """
    public, signer = keystore.public, keystore.signer
    if public.number is None:
        raise WalletNotOpen(detail="The operator has not confirmed this wallet yet")
    credentials = Credentials(
        key_id=format_number(public.number), signer=signer, network=public.network
    )
    transport = Transport(http, public.operator_url, edge=edge, patience=patience)
    client = WalletClient(transport, public.number, credentials)
    return Wallet(
        number=public.number,
        operator=public.carrier or int(operator_of(public.number)),
        network=public.network,
        block_keys=RegistryKeys(public, client),
        signer=signer,
        client=client,
        journal=journal,
        edge=edge,
    )
