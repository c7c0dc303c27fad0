"""The port to whoever sends text messages, and the one that asks an HTTP gateway."""

from typing import Protocol

import httpx

from jiaozi.operator.customers.model import Phone
from jiaozi.protocol.refusals import Code, refuse

_TIMEOUT_S = 10.0


class Sms(Protocol):
    """Sends a code to a phone."""

    async def send_code(self, phone: Phone, code: str) -> None:
        """Hand the message over.

        Raises:
            Refusal: ``unavailable``: it was not taken.
        """


class HttpSms:
    """Posts ``{"phone", "code"}`` to the address of an SMS gateway."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def send_code(self, phone: Phone, code: str) -> None:
        """Hand the message over.

        Raises:
            Refusal: ``unavailable``: it was not taken.
        """
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
                answer = await http.post(self._url, json={"phone": phone, "code": code})
                answer.raise_for_status()
        except httpx.HTTPError:
            raise refuse(Code.UNAVAILABLE) from None


class NoSms:
    """Sends nothing: in demo mode the code stands in the answer."""

    async def send_code(self, phone: Phone, code: str) -> None:
        """Do nothing."""
