"""The purse on a card: an `Application` that holds money by the steps of `jiaozi.protocol.offline`.

Checked in this order, each before the next:

1. class and instruction (6E00, 6D00);
2. that the application is selected, and the phase of the card's life (6985, 6A82);
3. P1 and P2 (6A86);
4. the PIN, where a command always takes it (6983, 6982);
5. the data (6A80), and the rules of money (6200 with the refusal);
6. the PIN, where the amount decides (6983, 6982): then nothing was paid.

A state that a command leads to is on disk before the answer is given. The card's key is made in it
and no command gives it out.
"""

import secrets
from collections.abc import Callable

from jiaozi.card.instructions import carry_out
from jiaozi.card.session import SecretWrong, Session
from jiaozi.card.storage import Storage
from jiaozi.protocol.apdu import Command, CommandRefused, Response, Status
from jiaozi.protocol.card_commands import (
    APPLICATION,
    Instruction,
    Phase,
    PinRule,
    encode_refusal,
    instruction_of,
)
from jiaozi.protocol.refusals import Refusal

_CLASSES = {each.cla for each in Instruction}


class PurseApplication:
    """What the card runs."""

    def __init__(
        self, storage: Storage, *, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Go on from what is on disk.

        Raises:
            NotCanonical: It is damaged.
            ValueError: It is of another format.
            OSError: It cannot be read.
        """
        self._session = Session(storage, random)

    def reset(self) -> None:
        """Forget what holds until power is gone: the application selected, the PIN shown."""
        self._session.reset()

    def handle(self, command: Command) -> Response:
        """Carry out one command.

        Raises:
            CommandRefused: With the status word to answer.
        """
        instruction = _known(command)
        self._check_phase(instruction, command)
        if instruction.parameters not in (None, command.parameters):
            raise CommandRefused(Status.WRONG_PARAMETERS)
        self._check_pin(instruction)
        try:
            return Response(carry_out(instruction, self._session, command))
        except Refusal as refusal:
            return Response(encode_refusal(refusal), Status.REFUSED)
        except SecretWrong as wrong:
            return Response.tries_left(wrong.tries_left)

    def _check_phase(self, instruction: Instruction, command: Command) -> None:
        session = self._session
        if instruction is Instruction.SELECT:
            session.reset()
            if command.data != APPLICATION:
                raise CommandRefused(Status.NOT_FOUND)
            session.is_selected = True
            return
        if instruction is Instruction.PERSONALISE:
            is_time = session.phase <= instruction.phase
        else:
            is_time = session.phase >= instruction.phase
        if not session.is_selected or not is_time:
            raise CommandRefused(Status.CONDITIONS_NOT_MET)

    def _check_pin(self, instruction: Instruction) -> None:
        is_in_use = self._session.phase is Phase.IN_USE
        if instruction.pin is PinRule.YES or (instruction.pin is PinRule.IN_USE and is_in_use):
            self._session.require_pin()


def _known(command: Command) -> Instruction:
    if command.cla not in _CLASSES:
        raise CommandRefused(Status.CLASS_UNKNOWN)
    instruction = instruction_of(command.cla, command.ins)
    if instruction is None:
        raise CommandRefused(Status.INSTRUCTION_UNKNOWN)
    return instruction
