"""The holder's own view: a wallet as the registry has it, without asking the operator (§F.2)."""

from typing import Any

import httpx

from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.answers import read_json, read_problem
from jiaozi.wallet.errors import NoAnswer
from jiaozi.wallet.transport import Answer
from jiaozi.wallet.wallet import Wallet

_TIMEOUT_S = 10.0
_NONCE_LENGTH = 16


async def own_view(wallet: Wallet, registry_url: str) -> dict[str, Any]:
    """Ask the registry for the wallet's record, signed with the wallet's key.

    Raises:
        Refusal: The registry knows no wallet with this key.
        NoAnswer: It did not answer.
        AnswerMalformed: What came is no record.
    """
    path = f"/v1/holder/accounts/{format_number(wallet.number)}"
    headers = {NETWORK_HEADER: wallet.network.hex()}
    headers |= sign_request(
        method="GET",
        url=path,
        headers=headers,
        body=b"",
        signer=wallet.signer,
        key_id=format_number(wallet.number),
        created_s=wallet.edge.now_ms() // 1000,
        nonce=wallet.edge.random(_NONCE_LENGTH).hex(),
    )
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            answer = await http.get(f"{registry_url}{path}", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(detail=f"The registry did not answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise read_problem(Answer(status=answer.status_code, body=answer.content, attempts=1))
    return read_json(answer.content)
