"""Go on at the operator that carries a failed one's wallets: prove who one is, once.

The wallet keeps number, key, balance and journal. Its key signs the request, and the carrier asks
the registry whether it carries the wallet and whether the key is the wallet's. From then on the
wallet turns to the carrier, and redeems into the carrier's vault.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jiaozi.protocol.numbers import OPERATOR_CODE_MAX, format_number
from jiaozi.wallet.answers import take
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.errors import AnswerMalformed, WalletNotOpen
from jiaozi.wallet.keystore import Keystore
from jiaozi.wallet.open import Registration, learn_network
from jiaozi.wallet.transport import Credentials, Request


async def adopt(
    client: OperatorClient,
    operator_url: str,
    keystore: Keystore,
    registration: Registration,
    code: str,
    evidence: Mapping[str, Any],
) -> Keystore:
    """Have the carrier take the wallet over, and return the keystore to be written.

    The same request again is the same.

    Raises:
        WalletNotOpen: The keystore has no number.
        NetworkDiffers: The carrier serves another network than the wallet's.
        Refusal: ``wallet_unknown``: it is not carried there; or what was shown is too little.
        NoAnswer: It may have been done; ask again.
        AnswerMalformed: The carrier does not say who it is.
    """
    public = keystore.public
    if public.number is None:
        raise WalletNotOpen(detail="The operator has not confirmed this wallet yet")
    await learn_network(client, expected=public.network)
    document = {
        "registration_id": registration.registration_id,
        "code": code,
        "evidence": evidence,
    }
    request = Request(
        method="POST",
        path=f"/v1/wallets/{format_number(public.number)}/adoptions",
        body=json.dumps(document, ensure_ascii=False).encode(),
        content_type="application/json",
        credentials=Credentials(
            key_id=public.public_key.hex(), signer=keystore.signer, network=public.network
        ),
    )
    await client.ask(request)
    told = take(await client.network(), "operator", str)
    if not (told.isascii() and told.isdigit() and 0 < int(told) <= OPERATOR_CODE_MAX):
        raise AnswerMalformed(detail="The operator does not say which one it is")
    carried = replace(public, operator_url=operator_url, carrier=int(told))
    return replace(keystore, public=carried)
