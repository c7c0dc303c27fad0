"""Whose a card is: its key and certificate, its PIN, and what its holder allows without.

Each is a command of `jiaozi.protocol.card_commands`: its answer is given once the state is on disk.
"""

from collections.abc import Callable
from dataclasses import replace

from jiaozi.card.arguments import read_arguments
from jiaozi.card.pin import PIN_TRIES, PUK_TRIES, Secret
from jiaozi.card.session import Session
from jiaozi.card.state import Allowance, CardState
from jiaozi.protocol.apdu import Command, CommandRefused, Status
from jiaozi.protocol.card_commands import (
    PIN_DIGITS,
    PUK_DIGITS,
    Phase,
    Protection,
    digits_fit,
    encode_numbers,
)
from jiaozi.protocol.domains import NO_NETWORK, NetworkId
from jiaozi.protocol.offline import synchronisation
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Anchor, Chain, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.purse import new_purse
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import ED25519_KEY_LENGTH

_SEED_LENGTH = 32


def verify_pin(session: Session, command: Command) -> bytes:
    """Take the PIN; without one, say whether it was shown."""
    if command.data:
        session.show_pin(command.data)
    else:
        session.require_pin()
    return b""


def setting_pin(show: Callable[[Session, bytes], None]) -> Callable[[Session, Command], bytes]:
    """Set a new PIN once the present one, or the PUK, was shown."""

    def set_pin(session: Session, command: Command) -> bytes:
        shown, new = read_arguments(command, bytes, bytes)
        _check_digits(new, PIN_DIGITS)
        show(session, shown)
        session.keep(replace(session.state, pin=Secret(new, PIN_TRIES)))
        return b""

    return set_pin


def personalise(session: Session, command: Command) -> bytes:
    """Make the key, or keep the one that no certificate has come for yet."""
    network, root_key, pin, puk = read_arguments(command, bytes, bytes, bytes, bytes)
    if len(network) != len(NO_NETWORK) or len(root_key) != ED25519_KEY_LENGTH:
        raise CommandRefused(Status.DATA_REFUSED)
    _check_digits(pin, PIN_DIGITS)
    _check_digits(puk, PUK_DIGITS)
    is_blank = session.phase is Phase.BLANK
    state = CardState(
        seed=session.random(_SEED_LENGTH) if is_blank else session.state.seed,
        anchor=Anchor(network=NetworkId(network), root_key=root_key),
        pin=Secret(pin, PIN_TRIES),
        puk=Secret(puk, PUK_TRIES),
    )
    session.keep(state)
    return state.signer.public_key


def enrol(session: Session, command: Command) -> bytes:
    """Sign whose the card is to be."""
    operator, profile, wallet, limits = read_arguments(command, int, int, int | None, list)
    is_known = profile in tuple(Profile) and len(limits) == len(LIMIT_NAMES)
    if not is_known or any(type(each) is not int for each in limits if each is not None):
        raise CommandRefused(Status.DATA_REFUSED)
    named = dict(zip(LIMIT_NAMES, limits, strict=True))
    enrolment = Enrolment(
        operator=operator,
        profile=Profile(profile),
        wallet=wallet,
        limits={name: each for name, each in named.items() if each is not None},
    )
    return sign_enrolment(enrolment, session.state.signer, session.state.anchor.network)


def certify(session: Session, command: Command) -> bytes:
    """Take certificates for the card's key: the first make its purse, later ones renew it."""
    operator, device = read_arguments(command, bytes, bytes)
    chain = Chain(operator=operator, device=device)
    if session.phase is Phase.IN_USE:
        session.keep_purse(synchronisation.renew(session.purse, chain))
        return b""
    purse = new_purse(chain, session.state.anchor)
    signer = session.state.signer
    if (purse.device.suite, purse.device.key) != (signer.suite, signer.public_key):
        raise refuse(Code.OTHER_DEVICE)
    session.keep_purse(purse)
    return b""


def protection(session: Session, _: Command) -> bytes:
    """Show the tries that are left and what goes without PIN."""
    state = session.state
    return encode_numbers(
        Protection(
            pin_tries=state.pin.tries_left,
            puk_tries=state.puk.tries_left,
            payment_fen=state.allowance.payment_fen,
            sum_fen=state.allowance.sum_fen,
            spent_fen=state.allowance.spent_fen,
        )
    )


def set_allowance(session: Session, command: Command) -> bytes:
    """Let so much be paid without PIN, within the certificate's limits."""
    payment_fen, sum_fen = read_arguments(command, int, int)
    limits = session.purse.device.limits
    if payment_fen > limits.payment_fen:
        raise refuse(Code.PURSE_PAYMENT_LIMIT, limits.payment_fen)
    if sum_fen > limits.out_fen:
        raise refuse(Code.PURSE_OUT_LIMIT, limits.out_fen, limits.out_fen)
    allowance = Allowance(payment_fen=payment_fen, sum_fen=sum_fen)
    session.keep(replace(session.state, allowance=allowance))
    return b""


def _check_digits(digits: bytes, lengths: range) -> None:
    if not digits_fit(digits, lengths):
        raise CommandRefused(Status.DATA_REFUSED)
