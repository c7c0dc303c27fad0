"""Found a registry: write genesis as block 0, with the accounts that exist from the start."""

import hashlib
from collections.abc import Mapping

from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.block import Draft
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.control import Control, from_genesis
from jiaozi.central_bank.registry.institutions import institution_account, institution_accounts
from jiaozi.central_bank.registry.model import Account, Kind, Totals
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import read_genesis
from jiaozi.service.keys import KeyMissing
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate

_LOCK_KEY = 0x67656E65736973  # "genesis" in ASCII: two registries may start at once


class OtherGenesis(Exception):
    """The database belongs to another network; nothing was changed."""


async def found(
    database: Database,
    genesis: bytes,
    *,
    block_signers: BlockSigners,
    library: Mapping[bytes, Rulebook],
) -> Control:
    """Bring the database up to date, write block 0 unless it is there, and return its control.

    Raises:
        Refusal: The document is not a genesis that its root signed.
        LookupError: Its rulebook is not in the library, or it lists no key for blocks.
        OtherGenesis: The database has another block 0, or no key at hand is one for its blocks.
    """
    network = read_genesis(genesis)
    control = from_genesis(network, library)
    await migrate(database, store.MIGRATIONS)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
        present = await connection.fetchval(store.SQL.genesis)
        if present is not None:
            if hashlib.sha256(present).digest() != hashlib.sha256(genesis).digest():
                raise OtherGenesis("the database belongs to another network")
            if not block_signers.knows_one_of(await store.load_control(connection, control)):
                raise OtherGenesis("no key here was certified for signing blocks")
            return control
        try:
            block_signer = block_signers.of_genesis(network.genesis)
        except KeyMissing as error:
            raise OtherGenesis(error.detail) from None
        sealed = Draft(0, block_signer).seal(
            None, network.genesis.created_ms, control.quotas_fen, network.id, genesis=genesis
        )
        await store.write_accounts(connection, (), _first_accounts(control))
        await store.append_block(connection, sealed.signed, sealed.body, Totals())
    return control


def _first_accounts(control: Control) -> list[Account]:
    accounts = [
        institution_account(numbers.ISSUANCE, Kind.ISSUANCE, 0),
        institution_account(numbers.SETTLEMENT, Kind.SETTLEMENT, 0),
        institution_account(numbers.OFFLINE, Kind.OFFLINE, 0),
    ]
    for each in control.network.genesis.keys:
        if each.use is Use.OPERATOR_VAULT:
            accounts += institution_accounts(each)
    return accounts
