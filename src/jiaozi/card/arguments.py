"""What the data of a command say, or the card's no."""

from typing import Any

from jiaozi.protocol.apdu import Command, CommandRefused, Status
from jiaozi.protocol.card_commands import read_list


def read_arguments(command: Command, *types: Any) -> list[Any]:  # noqa: ANN401 - types and unions of them
    """Read a list of so many values of these types.

    Raises:
        CommandRefused: `DATA_REFUSED`.
    """
    try:
        return read_list(command.data, *types)
    except ValueError:
        raise CommandRefused(Status.DATA_REFUSED) from None
