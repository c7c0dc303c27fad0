"""Who holds the wallet: its class, its sub-wallets, the signatories of a company.

Each request is signed with the wallet's key and may be repeated: a class that was set is answered
as set, a wallet that was opened for a key is given again. A sub-wallet gets a keystore of its own,
written before the operator hears of it, so that a lost answer strands no key: the same call again
goes on with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.protocol.refusals import CATALOGUE, Code, Refusal, read_refusal
from jiaozi.protocol.suites import Ed25519Signer, Suite
from jiaozi.wallet.answers import take
from jiaozi.wallet.errors import AnswerMalformed, KeystoreExists
from jiaozi.wallet.keystore import (
    Keystore,
    WalletPublic,
    read_keystore,
    write_keystore,
)
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import Wallet, journal_path, keystore_path

_SEED_LENGTH = 32


class ClassState(StrEnum):
    """How far a change of class is; open ones go on at the operator by themselves."""

    OPEN = "open"
    SETTLED = "settled"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """What became of a change of class.

    Attributes:
        wallet_class: That the wallet has now.
        refusal: Of the registry; None for a refused one whose order died.
    """

    state: ClassState
    wallet_class: int
    refusal: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubWalletTerms:
    """What a sub-wallet is asked for: its own limits in fen, by the names of the API."""

    limits: Mapping[str, int]


async def set_class(wallet: Wallet, wallet_class: int, evidence: Mapping[str, Any]) -> ClassChange:
    """Ask for a higher class with its evidence, or for a lower one; the same again asks once.

    Raises:
        Refusal: Why the operator does not.
        NoAnswer: It may have been done; ask again.
        AnswerMalformed: Likewise.
    """
    document = {"wallet_class": wallet_class, "evidence": evidence}
    answer = await wallet.client.ask_own("PUT", "/class", document)
    refused = answer.get("refusal")
    try:
        return ClassChange(
            state=ClassState(take(answer, "state", str)),
            wallet_class=take(answer, "wallet_class", int),
            refusal=None if refused is None else _refusal(refused),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerMalformed(detail="The answer about the class is unreadable") from error


async def open_sub_wallet(
    wallet: Wallet, parent: WalletPublic, directory: Path, passphrase: str, terms: SubWalletTerms
) -> WalletPublic:
    """Open a sub-wallet in a directory of its own, or go on with one that was begun there.

    Args:
        wallet: The parent, whose key signs.
        parent: What its keystore says of it.
        directory: Of the sub-wallet.
        passphrase: Of the sub-wallet's keystore.
        terms: Of a new one; one that was begun keeps its own.

    Raises:
        KeystoreExists: Another wallet is there.
        Refusal: Why no wallet was opened; the keystore keeps its key for another try.
        NoAnswer: It may have been opened; the same call again goes on.
        AnswerMalformed: Likewise.
    """
    path = keystore_path(directory)
    if path.exists():
        keystore = read_keystore(path, passphrase)
        if keystore.public.number is not None:
            number = format_number(keystore.public.number)
            raise KeystoreExists(detail=f"Wallet {number} is at {path}")
    else:
        keystore = _new_keystore(wallet, parent, terms)
        write_keystore(path, keystore, passphrase, random=wallet.edge.random)
    Journal(journal_path(directory)).close()
    assert keystore.opening is not None, "a keystore without a number has what opens it"
    answer = await wallet.client.ask_own("POST", "/sub-wallets", json.loads(keystore.opening))
    opened = replace(
        keystore, public=replace(keystore.public, number=_number(answer)), opening=None
    )
    write_keystore(path, opened, passphrase, random=wallet.edge.random, replace=True)
    return opened.public


async def list_sub_wallets(wallet: Wallet) -> list[dict[str, Any]]:
    """Return the sub-wallets of this wallet as the operator lists them.

    Raises:
        Refusal: Why the operator does not tell.
        NoAnswer: Nothing is known.
        AnswerMalformed: Likewise.
    """
    return take(await wallet.client.ask_own("GET", "/sub-wallets"), "sub_wallets", list)


async def push_sub_wallet(
    wallet: Wallet, sub_wallet: AccountNumber, platform: AccountNumber
) -> str:
    """Return the token that a platform knows a sub-wallet by; once more the same one.

    Raises:
        Refusal: It is no sub-wallet of this wallet.
        NoAnswer: It may have been pushed; ask again.
        AnswerMalformed: Likewise.
    """
    path = f"/sub-wallets/{format_number(sub_wallet)}/platforms/{format_number(platform)}"
    return take(await wallet.client.ask_own("PUT", path), "token", str)


async def add_signatory(
    wallet: Wallet, public_key: bytes, document: Mapping[str, str], role: str
) -> AccountNumber:
    """Open a wallet for another signatory of the company, under the key that they made.

    Raises:
        Refusal: Why the operator does not.
        NoAnswer: It may have been opened; ask again.
        AnswerMalformed: Likewise.
    """
    body = {
        "suite": int(Suite.ED25519),
        "public_key": public_key.hex(),
        "identity_document": document,
        "role": role,
    }
    return _number(await wallet.client.ask_own("POST", "/signatories", body))


async def list_signatories(wallet: Wallet) -> list[dict[str, Any]]:
    """Return who signs for the company, as the operator lists them.

    Raises:
        Refusal: This wallet is no signatory's.
        NoAnswer: Nothing is known.
        AnswerMalformed: Likewise.
    """
    return take(await wallet.client.ask_own("GET", "/signatories"), "signatories", list)


async def remove_signatory(wallet: Wallet, number: AccountNumber) -> bool:
    """Remove a signatory; return whether their wallets are frozen already.

    Raises:
        Refusal: Why the operator does not.
        NoAnswer: It may have been done; ask again.
        AnswerMalformed: Likewise.
    """
    answer = await wallet.client.ask_own("DELETE", f"/signatories/{format_number(number)}")
    return take(answer, "frozen", bool)


def _new_keystore(wallet: Wallet, parent: WalletPublic, terms: SubWalletTerms) -> Keystore:
    """Make a key; what is asked for with it is kept until it is answered."""
    seed = wallet.edge.random(_SEED_LENGTH)
    public_key = Ed25519Signer(seed).public_key
    document = {
        "suite": int(Suite.ED25519),
        "public_key": public_key.hex(),
        "limits": dict(terms.limits),
    }
    public = replace(parent, number=None, public_key=public_key)
    return Keystore(public=public, seed=seed, opening=json.dumps(document).encode())


def _number(answer: Mapping[str, Any]) -> AccountNumber:
    try:
        return parse_number(take(answer, "number", str))
    except ValueError as error:
        raise AnswerMalformed(detail="The operator's wallet number is not one") from error


def _refusal(told: Mapping[str, Any]) -> Refusal:
    code = Code(told["code"])
    return read_refusal(code, [told["fields"][name] for name in CATALOGUE[code].fields])
