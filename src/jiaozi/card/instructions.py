"""What each command of the purse on a card does, as `jiaozi.protocol.card_commands` lists them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jiaozi.card.pin import PIN_TRIES, PUK_TRIES, Secret
from jiaozi.card.session import Session
from jiaozi.card.state import Allowance, CardState
from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import Command, CommandRefused, Status
from jiaozi.protocol.card_commands import (
    PART_BYTES,
    PIN_DIGITS,
    PUK_DIGITS,
    CardView,
    Instruction,
    Phase,
    Protection,
    digits_fit,
    encode_numbers,
    read_list,
)
from jiaozi.protocol.domains import NO_NETWORK, NetworkId
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.balances import SALT_LENGTH
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Anchor, Chain, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.messages import CHALLENGE_LENGTH
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.order_types import FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import ED25519_KEY_LENGTH

_SEED_LENGTH = 32

_Carry = Callable[[Session, Command], bytes]


def carry_out(instruction: Instruction, session: Session, command: Command) -> bytes:
    """Carry out a command whose instruction, phase, parameters and PIN were checked.

    Returns:
        The answer; what it rests on is on disk.

    Raises:
        Refusal: The purse's no.
        CommandRefused: The card's.
        SecretWrong: A wrong PIN or PUK.
    """
    return _COMMANDS[instruction](session, command)


def _select(session: Session, _: Command) -> bytes:
    return cbor.encode([int(session.phase)])


def _verify_pin(session: Session, command: Command) -> bytes:
    if command.data:
        session.show_pin(command.data)
    else:
        session.require_pin()
    return b""


def _setting_pin(show: Callable[[Session, bytes], None]) -> _Carry:
    """Set a new PIN once the present one, or the PUK, was shown."""

    def set_pin(session: Session, command: Command) -> bytes:
        shown, new = _list(command, bytes, bytes)
        _check_digits(new, PIN_DIGITS)
        show(session, shown)
        session.keep(replace(session.state, pin=Secret(new, PIN_TRIES)))
        return b""

    return set_pin


def _personalise(session: Session, command: Command) -> bytes:
    """Make the key, or keep the one that no certificate has come for yet."""
    network, root_key, pin, puk = _list(command, bytes, bytes, bytes, bytes)
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


def _enrol(session: Session, command: Command) -> bytes:
    operator, profile, wallet, limits = _list(command, int, int, int | None, list)
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


def _certify(session: Session, command: Command) -> bytes:
    """Take certificates for the card's key: the first make its purse, later ones renew it."""
    operator, device = _list(command, bytes, bytes)
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


def _view(session: Session, _: Command) -> bytes:
    purse, usage = session.purse, session.purse.usage
    return encode_numbers(
        CardView(
            spendable_fen=purse.spendable_fen,
            after_synchronisation_fen=purse.balances_fen[-1],
            out_fen=usage.out_fen,
            out_count=usage.out_count,
            in_fen=usage.in_fen,
            in_count=usage.in_count,
            counter=purse.counter,
            loads=purse.loads,
            position=purse.position,
            entries=len(purse.entries),
            waiting=len(purse.waiting_for),
            list_number=purse.revocations.number,
            floor_ms=purse.floor_ms,
            synchronised_ms=purse.synchronised_ms,
        )
    )


def _chain(session: Session, _: Command) -> bytes:
    anchor = session.state.anchor
    return cbor.encode([anchor.network, anchor.root_key, *session.purse.chain.parts])


def _protection(session: Session, _: Command) -> bytes:
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


def _set_allowance(session: Session, command: Command) -> bytes:
    payment_fen, sum_fen = _list(command, int, int)
    limits = session.purse.device.limits
    if payment_fen > limits.payment_fen:
        raise refuse(Code.PURSE_PAYMENT_LIMIT, limits.payment_fen)
    if sum_fen > limits.out_fen:
        raise refuse(Code.PURSE_OUT_LIMIT, limits.out_fen, limits.out_fen)
    allowance = Allowance(payment_fen=payment_fen, sum_fen=sum_fen)
    session.keep(replace(session.state, allowance=allowance))
    return b""


def _ask(session: Session, command: Command) -> bytes:
    amount_fen, expires_ms = _list(command, int, int)
    purse, request = steps.ask(
        session.purse,
        amount_fen=amount_fen,
        challenge=session.random(CHALLENGE_LENGTH),
        expires_ms=expires_ms,
        signer=session.state.signer,
    )
    session.keep_purse(purse)
    return request


def _pay(session: Session, command: Command) -> bytes:
    before = session.purse
    purse, payment = steps.pay(
        before, command.data, salt=session.random(SALT_LENGTH), signer=session.state.signer
    )
    if purse is not before:
        session.spend(purse, before.balance_fen - purse.balance_fen)
    return payment


def _collect(session: Session, command: Command) -> bytes:
    purse, said = steps.collect(session.purse, command.data, signer=session.state.signer)
    session.keep_purse(purse)
    return said


def _acknowledge(session: Session, command: Command) -> bytes:
    acknowledgement, payment = _list(command, bytes, bytes)
    session.keep_purse(steps.acknowledge(session.purse, acknowledgement, payment))
    return b""


def _unload(session: Session, command: Command) -> bytes:
    amount_fen, wallet = _list(command, int, int)
    if not FieldKind.WALLET_NUMBER.takes(wallet):
        raise CommandRefused(Status.DATA_REFUSED)
    purse, payment = steps.unload(
        session.purse,
        amount_fen=amount_fen,
        wallet=wallet,
        salt=session.random(SALT_LENGTH),
        signer=session.state.signer,
    )
    session.spend(purse, amount_fen)
    return payment


def _waiting(session: Session, command: Command) -> bytes:
    return _at(session.purse.waiting, command)


def _hand_in(session: Session, command: Command) -> bytes:
    """Say a part of the log, as it stood when its first part was asked for."""
    index = command.parameters
    if index == 0:
        session.handed_in = synchronisation.hand_in(session.purse, signer=session.state.signer)
    start = index * PART_BYTES
    if start > len(session.handed_in):
        raise CommandRefused(Status.REFERENCE_NOT_FOUND)
    return session.handed_in[start : start + PART_BYTES]


def _taking(step: Callable[[Purse, bytes], Purse]) -> _Carry:
    """Take a message that changes the purse and is answered by the status word alone."""

    def take(session: Session, command: Command) -> bytes:
        session.keep_purse(step(session.purse, command.data))
        return b""

    return take


def _synchronise(session: Session, command: Command) -> bytes:
    checkpoint, time = _list(command, bytes, bytes)
    session.keep_purse(synchronisation.synchronise(session.purse, checkpoint, time))
    return b""


def _frames(session: Session, command: Command) -> bytes:
    [number] = _list(command, int)
    return _at(session.purse.revocations.frames_after(number), command)


def _at(messages: list[bytes], command: Command) -> bytes:
    if command.parameters >= len(messages):
        raise CommandRefused(Status.REFERENCE_NOT_FOUND)
    return messages[command.parameters]


def _list(command: Command, *types: Any) -> list[Any]:  # noqa: ANN401 - types and unions of them
    try:
        return read_list(command.data, *types)
    except ValueError:
        raise CommandRefused(Status.DATA_REFUSED) from None


def _check_digits(digits: bytes, lengths: range) -> None:
    if not digits_fit(digits, lengths):
        raise CommandRefused(Status.DATA_REFUSED)


_COMMANDS: Mapping[Instruction, _Carry] = {
    Instruction.SELECT: _select,
    Instruction.VERIFY_PIN: _verify_pin,
    Instruction.CHANGE_PIN: _setting_pin(Session.show_pin),
    Instruction.UNBLOCK_PIN: _setting_pin(Session.show_puk),
    Instruction.PERSONALISE: _personalise,
    Instruction.ENROL: _enrol,
    Instruction.CERTIFY: _certify,
    Instruction.VIEW: _view,
    Instruction.CHAIN: _chain,
    Instruction.PROTECTION: _protection,
    Instruction.SET_ALLOWANCE: _set_allowance,
    Instruction.ASK: _ask,
    Instruction.PAY: _pay,
    Instruction.COLLECT: _collect,
    Instruction.ACKNOWLEDGE: _acknowledge,
    Instruction.UNLOAD: _unload,
    Instruction.WAITING: _waiting,
    Instruction.HAND_IN: _hand_in,
    Instruction.LOAD: _taking(loading.take_load),
    Instruction.SYNCHRONISE: _synchronise,
    Instruction.RAISE_FLOOR: _taking(news.raise_floor),
    Instruction.LEARN: _taking(news.learn_revocations),
    Instruction.FRAMES: _frames,
}
