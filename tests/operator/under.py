"""Wallets under an open one, as tests of sub-wallets and signatories need them."""

import secrets
from typing import Any

import httpx

from jiaozi.protocol.suites import Ed25519Signer
from tests.operator.builders import OperatorWorld
from tests.operator.holders import Holder


def under_body(signer: Ed25519Signer, **limits: int) -> dict[str, Any]:
    """What both kinds of request have in common."""
    return {"suite": -8, "public_key": signer.public_key.hex(), "limits": limits}


def new_signer() -> Ed25519Signer:
    return Ed25519Signer(secrets.token_bytes(32))


async def ask_sub_wallet(parent: Holder, signer: Ed25519Signer, **limits: int) -> httpx.Response:
    """Ask for a sub-wallet."""
    return await parent.ask("POST", f"{parent.path}/sub-wallets", under_body(signer, **limits))


async def open_sub_wallet(world: OperatorWorld, parent: Holder, **limits: int) -> Holder:
    """Open a sub-wallet."""
    signer = new_signer()
    return opened(world, parent, signer, await ask_sub_wallet(parent, signer, **limits))


async def ask_signatory(
    by: Holder, signer: Ed25519Signer, document: dict[str, str], **limits: int
) -> httpx.Response:
    """Ask for a further signatory's wallet."""
    body = {
        **under_body(signer, **limits),
        "identity_document": document,
        "role": "finance director",
    }
    return await by.ask("POST", f"{by.path}/signatories", body)


async def add_signatory(
    world: OperatorWorld, by: Holder, document: dict[str, str], **limits: int
) -> Holder:
    """Add a signatory."""
    signer = new_signer()
    return opened(world, by, signer, await ask_signatory(by, signer, document, **limits))


def opened(
    world: OperatorWorld, opener: Holder, signer: Ed25519Signer, answer: httpx.Response
) -> Holder:
    """The wallet that an answer told of."""
    assert answer.status_code == 201, answer.text
    caller = world.new_caller()
    caller.signer = signer
    holder = world.holder(caller, answer.json()["number"], opener.phone)
    holder.key_id = answer.json()["number"]
    return holder


def refusal(answer: httpx.Response) -> int:
    """The code of a refusal."""
    assert answer.status_code >= 400, answer.text
    return int(answer.json()["code"])
