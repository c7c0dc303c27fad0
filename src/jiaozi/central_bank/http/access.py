"""Who calls: the certified key behind a signed request (RFC 9421).

A request names its key by the key itself, in hexadecimal. Orders may be sent again and reading
changes nothing, so a repeated request does no harm and no nonces are remembered here.

Requests are counted for their caller once the signature holds, and one who asks too much is refused
before it is checked (`jiaozi.central_bank.rates`).
"""

import time
from collections.abc import Callable

from starlette.requests import Request

from jiaozi.central_bank.rates import counted_as
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.model import Kind
from jiaozi.central_bank.registry.store import load_accounts
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.http_signatures import verify_request
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.dispatch import HotRequest, target_of
from jiaozi.service.rates import RateLimit
from jiaozi.storage.database import Database


class Access:
    """Verifies callers against the keys of the control state in force."""

    verifies_signatures = True
    """So that the API's description says which routes are signed."""

    def __init__(
        self,
        control: Callable[[], Control],
        callers: RateLimit,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._control = control
        self._callers = callers
        self._clock_s = clock_s

    def of_orders(self, request: HotRequest) -> Certified:
        """Return the operator's or officer's key that brings orders.

        Raises:
            Refusal: What is wrong with the signature, ``not_allowed`` or ``busy``.
        """
        return self._verified(request, frozenset((Use.OPERATOR_TRANSPORT, Use.OFFICER)))

    async def of_reader(self, request: Request, *uses: Use) -> Certified:
        """Return the key of a reader that holds one of these uses.

        Raises:
            Refusal: What is wrong with the signature, ``not_allowed`` or ``busy``.
        """
        hot = HotRequest(
            request.method, target_of(dict(request.scope)), request.headers.raw,
            await request.body(),
        )  # fmt: skip
        return self._verified(hot, frozenset(uses))

    async def of_holder(self, request: Request, number: int, database: Database) -> None:
        """Check that a request about a wallet is signed with that wallet's key.

        Raises:
            Refusal: What is wrong with the signature; an unknown wallet's is as a false one's.
        """
        async with database.connection() as connection:
            account = (await load_accounts(connection, (number,))).get(number)
        key = account.key if account is not None and account.kind == Kind.WALLET else None
        self._callers.check(f"holder {number}")
        verify_request(
            method=request.method,
            url=target_of(dict(request.scope)),
            headers=request.headers.raw,
            body=await request.body(),
            key_of=lambda key_id: key if key_id == format_number(number) else None,
            now_s=int(self._clock_s()),
            network=self._control().network.id,
        )
        self._callers.take(f"holder {number}")

    def _verified(self, request: HotRequest, uses: frozenset[Use]) -> Certified:
        control = self._control()
        now_s = self._clock_s()
        verified = verify_request(
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=request.body,
            key_of=lambda key_id: self._known(control, key_id),
            now_s=int(now_s),
            network=control.network.id,
        )
        caller = control.keys[verified.key].certified
        self._callers.take(counted_as(caller))
        use = caller.use
        if use not in uses:
            raise refuse(Code.NOT_ALLOWED)
        return control.certified(verified.key, use, int(now_s * 1000))

    def _known(self, control: Control, key_id: str) -> bytes | None:
        try:
            key = bytes.fromhex(key_id)
        except ValueError:
            return None
        known = control.keys.get(key)
        if known is None:
            return None
        self._callers.check(counted_as(known.certified))
        return key
