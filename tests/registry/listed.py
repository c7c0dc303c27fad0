"""A network whose genesis names a key for the revocation list, and the root's word for each key."""

from dataclasses import replace

from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Use, certify
from jiaozi.protocol.genesis import Network, read_genesis, sign_genesis
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.network import Keys, certified, key, make_genesis


def list_key() -> Ed25519Signer:
    """What signs the revocation list."""
    return key("list")


def list_signers() -> BlockSigners:
    """The same, as a registry takes it."""
    return BlockSigners([list_key()], use=Use.LIST_SIGNING)


def listed_genesis(keys: Keys, rulebook: Rulebook) -> bytes:
    """A genesis that names a key for the revocation list too."""
    made = read_genesis(make_genesis(keys, rulebook=rulebook)).genesis
    listed = certified(Use.LIST_SIGNING, list_key())
    return sign_genesis(replace(made, keys=(*made.keys, listed)), keys.root)


def root_certificates(keys: Keys, network: Network) -> tuple[bytes, ...]:
    """The root's certificate of each key of genesis, as a ceremony writes them."""
    return tuple(certify(each, keys.root, network.id) for each in network.genesis.keys)
