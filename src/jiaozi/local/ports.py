"""Ports for what is started on this machine, and started again after it died.

They lie below those that systems give to outgoing connections. One of theirs may be in use by
anybody's connection between its choice and the start, or while what listens there is down.
"""

import random
import socket

from jiaozi.local.errors import PortTaken

PORTS = range(20_000, 32_000)
_TRIES = 1_000


def free_ports(count: int) -> range:
    """Return so many ports in a row that nobody listens on now.

    Raises:
        PortTaken: None were found.
    """
    for _ in range(_TRIES):
        first = random.randrange(PORTS.start, PORTS.stop - count)  # noqa: S311
        ports = range(first, first + count)
        if all(map(_is_free, ports)):
            return ports
    raise PortTaken(
        happened=f"No {count} ports in a row are free between {PORTS.start} and {PORTS.stop}.",
        remedy="Stop programs that listen there, or choose ports with --port-base.",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
