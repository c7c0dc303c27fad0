"""What each command of the purse on a card does, as `jiaozi.protocol.card_commands` lists them."""

from collections.abc import Callable, Mapping

from jiaozi.card import holder
from jiaozi.card.arguments import read_arguments
from jiaozi.card.session import Session
from jiaozi.protocol import cbor
from jiaozi.protocol.apdu import Command, CommandRefused, Status
from jiaozi.protocol.card_commands import (
    PART_BYTES,
    Instruction,
    encode_numbers,
)
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.balances import SALT_LENGTH
from jiaozi.protocol.offline.messages import CHALLENGE_LENGTH
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.offline.view import numbers_of
from jiaozi.protocol.order_types import FieldKind

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


def _view(session: Session, _: Command) -> bytes:
    return encode_numbers(numbers_of(session.purse))


def _chain(session: Session, _: Command) -> bytes:
    anchor = session.state.anchor
    return cbor.encode([anchor.network, anchor.root_key, *session.purse.chain.parts])


def _ask(session: Session, command: Command) -> bytes:
    amount_fen, expires_ms = read_arguments(command, int, int)
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
    acknowledgement, payment = read_arguments(command, bytes, bytes)
    session.keep_purse(steps.acknowledge(session.purse, acknowledgement, payment))
    return b""


def _unload(session: Session, command: Command) -> bytes:
    amount_fen, wallet = read_arguments(command, int, int)
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
    checkpoint, time = read_arguments(command, bytes, bytes)
    session.keep_purse(synchronisation.synchronise(session.purse, checkpoint, time))
    return b""


def _frames(session: Session, command: Command) -> bytes:
    [number] = read_arguments(command, int)
    return _at(session.purse.revocations.frames_after(number), command)


def _at(messages: list[bytes], command: Command) -> bytes:
    if command.parameters >= len(messages):
        raise CommandRefused(Status.REFERENCE_NOT_FOUND)
    return messages[command.parameters]


_COMMANDS: Mapping[Instruction, _Carry] = {
    Instruction.SELECT: _select,
    Instruction.VERIFY_PIN: holder.verify_pin,
    Instruction.CHANGE_PIN: holder.setting_pin(Session.show_pin),
    Instruction.UNBLOCK_PIN: holder.setting_pin(Session.show_puk),
    Instruction.PERSONALISE: holder.personalise,
    Instruction.ENROL: holder.enrol,
    Instruction.CERTIFY: holder.certify,
    Instruction.VIEW: _view,
    Instruction.CHAIN: _chain,
    Instruction.PROTECTION: holder.protection,
    Instruction.SET_ALLOWANCE: holder.set_allowance,
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
