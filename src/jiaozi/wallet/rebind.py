"""A lost key: ask for a new one under proof of who one is, and see where that stands.

The new key is made first, in a keystore of its own; it signs the request, so that whoever asks
holds it. The wallet is the new key's once the wait is over and the old key has not objected.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.suites import Suite
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.keystore import Keystore
from jiaozi.wallet.open import Registration
from jiaozi.wallet.transport import Credentials, Request


async def ask_for_new_key(
    client: OperatorClient,
    number: AccountNumber,
    keystore: Keystore,
    registration: Registration,
    code: str,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    """Ask for the keystore's key in the place of a lost one; returns where that stands.

    Raises:
        Refusal: What was shown does not prove that the wallet is one's own.
        NoAnswer: It may have been asked for; ask again.
    """
    document = {
        "registration_id": registration.registration_id,
        "code": code,
        "suite": int(Suite.ED25519),
        "public_key": keystore.public.public_key.hex(),
        "evidence": evidence,
    }
    request = Request(
        method="POST",
        path=f"/v1/wallets/{format_number(number)}/rebinds",
        body=json.dumps(document, ensure_ascii=False).encode(),
        content_type="application/json",
        credentials=_credentials(keystore),
    )
    return await client.ask(request)


async def rebind_state(
    client: OperatorClient, number: AccountNumber, keystore: Keystore, rebind_id: str
) -> dict[str, Any]:
    """Return where a rebind stands, to the key that it is for.

    Raises:
        Refusal: ``not_found``.
        NoAnswer: It cannot be told now.
    """
    path = f"/v1/wallets/{format_number(number)}/rebinds/{rebind_id}"
    return await client.ask(Request(method="GET", path=path, credentials=_credentials(keystore)))


def rebound(keystore: Keystore, number: AccountNumber) -> Keystore:
    """Return the keystore of a wallet whose key this is now."""
    return replace(keystore, public=replace(keystore.public, number=number))


def _credentials(keystore: Keystore) -> Credentials:
    """Return what signs for a key that names itself."""
    public = keystore.public
    return Credentials(
        key_id=public.public_key.hex(), signer=keystore.signer, network=public.network
    )
