"""Whose signatures an order of a wallet's life takes (rules.md §A)."""

from jiaozi.protocol.refusals import Code
from tests.registry.life_state import Asked, Refused, State, Wallet, still_open


def by_wallet(model: State, asked: Asked, *, countersigned: bool = False) -> Wallet:
    wallet, operators = owner(model, asked)
    if countersigned and not operators:
        raise Refused(Code.SIGNER_MISSING, 2, 1)
    return still_open(wallet)


def owner(model: State, asked: Asked) -> tuple[Wallet, set[int]]:
    """Return the wallet whose key signed, and which operators signed beside it."""
    wallet = carried(model, asked)
    others = [each for each in asked.signers if model.keys[each] != wallet.key]
    if len(others) == len(asked.signers):
        raise Refused(Code.SIGNER_FOREIGN)
    for kind, whose, _ in others:
        if kind != "certify":
            unknown = kind in ("wallet", "stranger")
            raise Refused(Code.CERTIFICATE_UNKNOWN if unknown else Code.CERTIFICATE_OTHER_USE)
        if whose != asked.caller:
            raise Refused(Code.SIGNER_FOREIGN)
    return wallet, {whose for _, whose, _ in others}


def carried(model: State, asked: Asked) -> Wallet:
    if asked.number not in model.wallets:
        raise Refused(Code.ACCOUNT_UNKNOWN)
    if asked.caller != model.carrier(asked.number):
        raise Refused(Code.OTHER_OPERATOR)
    return model.wallets[asked.number]


def by_operator(model: State, asked: Asked) -> Wallet:
    wallet = carried(model, asked)
    check_one(asked, "certify", asked.caller)
    return still_open(wallet)


def by_authority(model: State, asked: Asked) -> Wallet:
    check_officers(asked)
    if asked.number not in model.wallets:
        raise Refused(Code.ACCOUNT_UNKNOWN)
    return still_open(model.wallets[asked.number])


def check_one(asked: Asked, use: str, operator: int) -> None:
    """Check an order that one certified key of an operator signs."""
    for kind, whose, _ in asked.signers:
        if kind in ("wallet", "stranger", "mandate"):
            raise Refused(Code.CERTIFICATE_UNKNOWN)
        if kind != use:
            raise Refused(Code.CERTIFICATE_OTHER_USE)
        if whose != operator:
            raise Refused(Code.SIGNER_FOREIGN)


def check_officers(asked: Asked) -> None:
    for kind, _, _ in asked.signers:
        if kind == "stranger":
            raise Refused(Code.CERTIFICATE_UNKNOWN)
        if kind != "officer":
            raise Refused(Code.CERTIFICATE_OTHER_USE)
    if len(asked.signers) < 2:
        raise Refused(Code.SIGNER_MISSING, 2, len(asked.signers))
