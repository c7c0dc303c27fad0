"""The ceremony that a network begins with: its keys, its certificates, its signed genesis.

It runs once, on a machine that is offline in earnest. Keys that a person or an operator made
elsewhere come in as public keys; all others are made here, each in its holder's own key store. The
root is split among custodians (`root`), or made in a hardware module. Nothing stands at the
directory until everything does.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jiaozi.central_bank.certification.keys import (
    AUDITOR_KEY,
    BLOCK_KEY,
    CERTIFY_KEY,
    LIST_KEY,
    OFFICER_KEY,
    ROOT_KEY,
    TRANSPORT_KEY,
    VAULT_KEY,
    KeyPlaces,
)
from jiaozi.central_bank.certification.root import Custody, split_root
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.genesis import Genesis, Network, read_genesis, sign_genesis
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.suites import Signer, Suite
from jiaozi.service.files import make_directory, write_whole
from jiaozi.service.keys import KeyStore
from jiaozi.storage.server_files import sync_directory

VALIDITY_MS = 5 * 365 * DAY_MS
"""How long the first keys may sign; their successors are certified by orders."""
PERSON_LENGTH = 16

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OPERATOR_KEYS = {
    Use.OPERATOR_CERTIFY: CERTIFY_KEY,
    Use.OPERATOR_VAULT: VAULT_KEY,
    Use.OPERATOR_TRANSPORT: TRANSPORT_KEY,
}


@dataclass(kw_only=True, eq=False)
class CeremonyRefused(Exception):
    """The ceremony cannot be held; nothing was made."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeys:
    """The Ed25519 public keys of an operator that made its keys itself."""

    certify: bytes
    vault: bytes
    transport: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPlan:
    """An operator of the first day; without keys of its own they are made for it."""

    quota_fen: int
    keys: OperatorKeys | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CeremonyPlan:
    """What a network begins with.

    Attributes:
        name: Of the network.
        created_ms: Unix time in milliseconds, from which all keys are valid.
        rulebook_hash: Of the rulebook in force from the start.
        officers: At least two persons by label, each with a public key if it was made elsewhere.
            A label, such as ``officer-1``, only names a directory; no name of a person is needed.
        operators: By their codes, 1 to 9999.
    """

    name: str
    created_ms: int
    rulebook_hash: bytes
    officers: Mapping[str, bytes | None]
    operators: Mapping[int, OperatorPlan]
    validity_ms: int = VALIDITY_MS


def hold_ceremony(
    plan: CeremonyPlan,
    directory: Path,
    *,
    open_store: Callable[[Path], KeyStore],
    custody: Custody | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Network:
    """Make keys, genesis and certificates, and put them all in a directory (`keys`).

    Args:
        plan: What the network begins with.
        directory: Must not exist, or be empty.
        open_store: Opens the key store of a holder, given its directory: with its passphrase.
        custody: Who keeps the root, a share each; without it the root is in its own key store.
        random: Returns that many random bytes.

    Raises:
        CeremonyRefused: A label is no name for a directory, or the directory is in use.
        KeyStoreError: A key store cannot be opened, has such a key already, or the custodians are
            too few.
        Refusal: ``malformed``, naming the part of genesis that the plan gets wrong.
    """
    for label in (*plan.officers, *(custody.passphrases if custody else ())):
        if _LABEL.fullmatch(label) is None:
            raise CeremonyRefused(detail=f"{label!r} is no label: letters, digits and hyphens.")
    if directory.exists() and any(directory.iterdir()):
        raise CeremonyRefused(detail=f"{directory} is in use; a network has one ceremony.")
    unfinished = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    places = KeyPlaces(unfinished)
    make_directory(unfinished)
    if custody is None:
        root = open_store(places.root).create(ROOT_KEY)
    else:
        root = split_root(custody, places.root, random=random)
    genesis = Genesis(
        name=plan.name,
        created_ms=plan.created_ms,
        rulebook_hash=plan.rulebook_hash,
        keys=tuple(_keys(plan, places, open_store, random)),
        quotas_fen={code: each.quota_fen for code, each in plan.operators.items()},
    )
    encoded = sign_genesis(genesis, root)
    network = read_genesis(encoded)
    _write_public(places, encoded, network, root)
    unfinished.rename(directory)
    sync_directory(directory.parent)
    return network


def _keys(
    plan: CeremonyPlan,
    places: KeyPlaces,
    open_store: Callable[[Path], KeyStore],
    random: Callable[[int], bytes],
) -> Iterator[Certified]:
    """Make every key that was not given, and say what each one is for."""

    def certified(
        use: Use, key: bytes, operator: int = 0, person: bytes | None = None
    ) -> Certified:
        return Certified(
            use=use, operator=operator, person=person, suite=Suite.ED25519, key=key,
            not_before_ms=plan.created_ms, not_after_ms=plan.created_ms + plan.validity_ms,
        )  # fmt: skip

    registry = open_store(places.registry)
    yield certified(Use.REGISTRY_BLOCK, registry.create(BLOCK_KEY).public_key)
    yield certified(Use.LIST_SIGNING, registry.create(LIST_KEY).public_key)
    yield certified(Use.AUDITOR, open_store(places.auditor).create(AUDITOR_KEY).public_key)
    for label, given in plan.officers.items():
        person = random(PERSON_LENGTH)
        make_directory(places.officer(label))
        write_whole(places.person(label), f"{person.hex()}\n".encode())
        key = given or open_store(places.officer(label)).create(OFFICER_KEY).public_key
        yield certified(Use.OFFICER, key, person=person)
    for code, operator in plan.operators.items():
        for use, name in _OPERATOR_KEYS.items():
            if operator.keys is not None:
                key = getattr(operator.keys, name)
            else:
                key = open_store(places.operator(code)).create(name).public_key
            yield certified(use, key, operator=code)


def _write_public(places: KeyPlaces, genesis: bytes, network: Network, root: Signer) -> None:
    write_whole(places.genesis, genesis)
    write_whole(places.network_id, f"{network.id.hex()}\n".encode())
    make_directory(places.certificates)
    for each in network.genesis.keys:
        use = each.use.name.lower().replace("_", "-")
        name = f"{each.operator:04d}-{use}-{each.key.hex()[:16]}.cbor"
        write_whole(places.certificates / name, certify(each, root, network.id))
