"""How a PostgreSQL server is ended: politely, then at once, then by force.

Every way is safe: after the last two, the server recovers from its log at the next start.
"""

import asyncio
import time
from collections.abc import Callable
from signal import SIGINT, SIGKILL, SIGQUIT, Signals

from jiaozi.storage.errors import EmbeddedServerError

_POLL_S = 0.005

# The fast shutdown writes at most shared_buffers. It never ends when it meets the recovery from a
# crash of one of the server's own processes (seen with 18.6); the immediate one does, and after
# five seconds kills what is left.
STEPS: tuple[tuple[Signals, float], ...] = ((SIGINT, 10.0), (SIGQUIT, 10.0), (SIGKILL, 5.0))


async def shut_down(send: Callable[[Signals], None], has_ended: Callable[[], bool]) -> None:
    """End a server and return when it has ended.

    Args:
        send: Sends it a signal; must do nothing when it has ended.
        has_ended: Tells whether it has ended.

    Raises:
        EmbeddedServerError: Not even the last step ended it.
    """
    for order, patience_s in STEPS:
        send(order)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if has_ended():
                return
            await asyncio.sleep(_POLL_S)
    raise EmbeddedServerError(
        happened="A PostgreSQL server does not end, even when killed.",
        remedy="Its disk may not answer; restart the machine.",
    )
