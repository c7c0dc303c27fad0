"""What an operator's desk answers, read: CBOR of the shape that is due, or no answer at all."""

from typing import Any

from jiaozi.protocol import cbor
from jiaozi.protocol.offline.certificate import Chain
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.transport import ANSWER_BYTES_MAX


def read_value(answer: bytes) -> object:
    """Read whatever it is.

    Raises:
        AnswerMalformed: It is no CBOR.
    """
    try:
        return cbor.decode(answer, size_max=ANSWER_BYTES_MAX)
    except cbor.NotCanonical as error:
        raise AnswerMalformed(detail="The operator's answer is no CBOR") from error


def read_array(answer: bytes, *types: type) -> list[Any]:
    """Read an array of values of these types.

    Raises:
        AnswerMalformed: It is something else.
    """
    return check_array(read_value(answer), *types)


def check_array(value: object, *types: type) -> list[Any]:
    """Return a value that is an array of values of these types.

    Raises:
        AnswerMalformed: It is something else.
    """
    if type(value) is not list or len(value) != len(types):
        raise AnswerMalformed(detail="The operator's answer has another shape")
    if not all(isinstance(each, kind) for each, kind in zip(value, types, strict=True)):
        raise AnswerMalformed(detail="The operator's answer has another shape")
    return value


def read_chain(answer: bytes) -> Chain:
    """Read the certificates of a device.

    Raises:
        AnswerMalformed: They are none.
    """
    operator, device = read_array(answer, bytes, bytes)
    return Chain(operator=operator, device=device)
