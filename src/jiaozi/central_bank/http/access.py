"""Who calls: the certified key behind a signed request (RFC 9421).

A request names its key by the key itself, in hexadecimal. Orders may be sent again and reading
changes nothing, so a repeated request does no harm and no nonces are remembered here.
"""

import time
from collections.abc import Callable

from starlette.requests import Request

from jiaozi.central_bank.registry.control import Control
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.http_signatures import verify_request
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.dispatch import HotRequest, target_of


class Access:
    """Verifies callers against the keys of the control state in force."""

    def __init__(
        self, control: Callable[[], Control], clock_s: Callable[[], float] = time.time
    ) -> None:
        self._control = control
        self._clock_s = clock_s

    def of_orders(self, request: HotRequest) -> Certified:
        """Return the operator's or officer's key that brings orders.

        Raises:
            Refusal: What is wrong with the signature, or ``not_allowed``.
        """
        return self._verified(request, frozenset((Use.OPERATOR_TRANSPORT, Use.OFFICER)))

    async def of_reader(self, request: Request, *uses: Use) -> Certified:
        """Return the key of a reader that holds one of these uses.

        Raises:
            Refusal: What is wrong with the signature, or ``not_allowed``.
        """
        hot = HotRequest(
            request.method, target_of(dict(request.scope)), request.headers.raw,
            await request.body(),
        )  # fmt: skip
        return self._verified(hot, frozenset(uses))

    def _verified(self, request: HotRequest, uses: frozenset[Use]) -> Certified:
        control = self._control()
        now_s = self._clock_s()
        verified = verify_request(
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=request.body,
            key_of=lambda key_id: _known(control, key_id),
            now_s=int(now_s),
            network=control.network.id,
        )
        use = control.keys[verified.key].certified.use
        if use not in uses:
            raise refuse(Code.NOT_ALLOWED)
        return control.certified(verified.key, use, int(now_s * 1000))


def _known(control: Control, key_id: str) -> bytes | None:
    try:
        key = bytes.fromhex(key_id)
    except ValueError:
        return None
    return key if key in control.keys else None
