"""Money moves between accounts, as a settled order claims it."""

from jiaozi.central_bank.audit.model import Differs, Rule
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.numbers import format_number

Leg = tuple[int, int, int]
_FROZEN_ALL = 2  # the bit in a wallet's freezes that stops credits too


def move(legs: tuple[Leg, ...] | list[Leg], state: State) -> None:
    """Move money; it is moved even where it should not have been.

    Raises:
        Differs: An account does not exist: then nothing is moved; one was debited below what had
            to stay; or one is closed or frozen.
    """
    check_known(legs, state)
    below = state.move(legs)
    if below:
        named = ", ".join(map(format_number, below))
        raise Differs(rule=Rule.BALANCE, detail=f"debited below what had to stay: {named}")
    for debit, credit, _ in legs:
        payer, payee = state.accounts[debit].terms, state.accounts[credit].terms
        if payer.closed or payer.freezes:
            raise _effect(f"debited {format_number(debit)}, which is closed or frozen")
        if payee.closed or payee.freezes & _FROZEN_ALL:
            raise _effect(f"credited {format_number(credit)}, which is closed or frozen")


def check_known(legs: tuple[Leg, ...] | list[Leg], state: State) -> None:
    """Check that all accounts of some legs exist.

    Raises:
        Differs: One does not.
    """
    for debit, credit, _ in legs:
        for number in (debit, credit):
            if number not in state.accounts:
                raise _effect(f"moved money of {format_number(number)}, which does not exist")


def _effect(detail: str) -> Differs:
    return Differs(rule=Rule.EFFECT, detail=detail)
