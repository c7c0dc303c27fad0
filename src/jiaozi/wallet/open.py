"""Open a wallet: pin the network, make a key, have the operator open a wallet for it.

::

    network   genesis from the operator; its id, root key and block key are pinned for good
    code      the operator sends one to the phone
    key       made here, sealed in the keystore before anyone hears of it
    wallet    the operator opens it under the code; its number goes into the keystore

The request that opens the wallet is kept in the keystore until it is answered. After a crash or a
lost answer the same request goes out again, and the operator returns the same wallet: no key is
ever stranded, and no second wallet opened.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.certify_keys import CertifyKeys, read_listed
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.numbers import parse_number
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer, Suite
from jiaozi.wallet.answers import take
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import AnswerMalformed, NetworkDiffers
from jiaozi.wallet.keystore import Keystore, WalletPublic, write_keystore
from jiaozi.wallet.transport import Credentials
from jiaozi.wallet.wallet import keystore_path

_SEED_LENGTH = 32
_DECIDED = frozenset(
    (
        Code.MALFORMED,
        Code.TOO_LARGE,
        Code.SUITE_UNSUPPORTED,
        Code.EXPIRED,
        Code.EVIDENCE_INSUFFICIENT,
        Code.CODE_WRONG,
    )
)
"""Refusals after which this very request can never open a wallet."""
_HOLDER_WORDS = {Holder.PERSONAL: "personal", Holder.CORPORATE: "corporate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A phone that is to be proven by a code; in demo mode the operator tells the code itself."""

    registration_id: str
    demo_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Which wallet is asked for.

    Attributes:
        wallet_class: 1 to 4, by strength of identification.
        evidence: What the class asks for, in the operator's words.
    """

    wallet_class: int
    holder: Holder
    evidence: Mapping[str, Any]


async def learn_network(client: OperatorClient, *, expected: NetworkId | None) -> Network:
    """Return the operator's network, checked against its own root.

    Args:
        client: Of the operator.
        expected: The id as learnt by another way; without it the operator is trusted this once.

    Raises:
        NetworkDiffers: It is another network than the expected one.
        AnswerMalformed: The genesis is not one.
    """
    return _network_of(await client.network(), expected)


async def learn_certify_keys(client: OperatorClient, *, expected: NetworkId) -> CertifyKeys:
    """Return the certify keys of all operators: the root signed them, the operator passes them on.

    Raises:
        NetworkDiffers: As `learn_network`.
        AnswerMalformed: The genesis or one of the keys is none.
    """
    answer = await client.network()
    network = _network_of(answer, expected)
    try:
        certificates, revocations_ms = read_listed(take(answer, "certify_keys", list))
        return CertifyKeys.of_network(network, certificates, revocations_ms)
    except Refusal as error:
        raise AnswerMalformed(detail="The operator's list of keys is not one") from error


def _network_of(answer: Mapping[str, Any], expected: NetworkId | None) -> Network:
    try:
        network = read_genesis(base64.b64decode(take(answer, "genesis", str), validate=True))
        network.genesis.key_of(Use.REGISTRY_BLOCK)
    except (LookupError, Refusal, ValueError) as error:
        raise AnswerMalformed(detail="The operator's genesis is not one") from error
    if expected is not None and network.id != expected:
        raise NetworkDiffers(
            detail=f"The operator serves network {network.id.hex()}, not {expected.hex()}"
        )
    return network


async def request_code(client: OperatorClient, phone: str) -> Registration:
    """Have the operator send a code to a phone.

    Raises:
        Refusal: The number is not one, or too many codes were asked for.
    """
    answer = await client.register(phone)
    code = answer.get("demo_code")
    return Registration(
        registration_id=take(answer, "registration_id", str),
        demo_code=code if isinstance(code, str) else None,
    )


def new_keystore(operator_url: str, network: Network, edge: Edge) -> Keystore:
    """Make a key for a network; it is nobody's wallet yet."""
    seed = edge.random(_SEED_LENGTH)
    return Keystore(
        public=WalletPublic(
            number=None,
            operator_url=operator_url,
            network=network.id,
            root_key=network.root_key,
            block_key=network.genesis.key_of(Use.REGISTRY_BLOCK),
            public_key=Ed25519Signer(seed).public_key,
        ),
        seed=seed,
    )


def opening_body(keystore: Keystore, registration: Registration, code: str, terms: Terms) -> bytes:
    """Return the request that opens a wallet for the keystore's key."""
    document = {
        "registration_id": registration.registration_id,
        "code": code,
        "wallet_class": terms.wallet_class,
        "holder": _HOLDER_WORDS[terms.holder],
        "suite": int(Suite.ED25519),
        "public_key": keystore.public.public_key.hex(),
        "evidence": terms.evidence,
    }
    return json.dumps(document, ensure_ascii=False).encode()


async def open_wallet(
    client: OperatorClient,
    keystore: Keystore,
    directory: Path,
    passphrase: str,
    edge: Edge,
) -> WalletPublic:
    """Send the keystore's opening request, stored before, and keep the number it brings.

    Raises:
        Refusal: Why no wallet was opened; the keystore keeps its key for another try. After a
            refusal that is about the request alone (a clock, a replay), the request too.
        NoAnswer: It may have been opened; the keystore keeps the request for the next call.
        AnswerMalformed: Likewise.
    """
    assert keystore.opening is not None
    public = keystore.public
    path = keystore_path(directory)
    credentials = Credentials(
        key_id=public.public_key.hex(), signer=keystore.signer, network=public.network
    )
    try:
        answer = await client.open_wallet(keystore.opening, credentials)
    except Refusal as refusal:
        if refusal.is_final or refusal.code in _DECIDED:
            withdrawn = replace(keystore, opening=None)
            write_keystore(path, withdrawn, passphrase, random=edge.random, replace=True)
        raise
    try:
        number = parse_number(take(answer, "number", str))
    except ValueError as error:
        raise AnswerMalformed(detail="The operator's wallet number is not one") from error
    opened = replace(keystore, public=replace(public, number=number), opening=None)
    write_keystore(path, opened, passphrase, random=edge.random, replace=True)
    return opened.public
