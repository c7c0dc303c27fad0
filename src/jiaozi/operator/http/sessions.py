"""Routes of sessions: a challenge, a login, the end; each request must name the wallet's origin."""

import base64
import binascii
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.operator.http.bodies import RequestBody
from jiaozi.operator.http.models import NUMBER
from jiaozi.operator.http.readers import COOKIE, WalletOrigin
from jiaozi.operator.sessions.end import sign_out
from jiaozi.operator.sessions.log_in import digest_of
from jiaozi.operator.sessions.model import SESSION_LIFETIME_MS
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.login import LOGIN_BYTES_MAX, Purpose
from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import may_refuse

_LOGIN_CHARACTERS_MAX = LOGIN_BYTES_MAX * 4 // 3 + 4


class ChallengeBody(RequestBody):
    """Which wallet wants to log in, and what for."""

    wallet: Annotated[str, Field(pattern=r"^[0-9]{16}$", examples=[NUMBER])]
    purpose: Literal["read"] = "read"


class ChallengeView(BaseModel):
    """What the wallet's key has to sign, after the holder's wallet has checked each field."""

    operator: int
    wallet: str
    origin: Annotated[str, Field(examples=["https://a.wallet.localhost"])]
    purpose: str
    challenge: Annotated[str, Field(description="base64")]
    expires_ms: int


class LoginBody(RequestBody):
    """A login that was signed."""

    login: Annotated[
        str, Field(max_length=_LOGIN_CHARACTERS_MAX, description="base64 of the COSE_Sign1")
    ]


class SessionView(BaseModel):
    """A session that has begun; its cookie reads for this wallet until then."""

    wallet: str
    expires_ms: int


def session_routes(operator: Operator, origin: WalletOrigin) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @router.post("/challenges", openapi_extra=may_refuse(Code.ORIGIN_FOREIGN))
    async def challenge(request: Request, body: ChallengeBody) -> ChallengeView:
        """Give a challenge for one login, good for 60 s; alike for wallets that do not exist."""
        origin.check(request)
        login, expires_ms = operator.log_in.challenge(
            _wallet(body.wallet), Purpose[body.purpose.upper()]
        )
        return ChallengeView(
            operator=login.operator,
            wallet=format_number(login.wallet),
            origin=login.origin,
            purpose=login.purpose.name.lower(),
            challenge=base64.b64encode(login.challenge).decode(),
            expires_ms=expires_ms,
        )

    @router.post(
        "",
        status_code=201,
        openapi_extra=may_refuse(
            Code.NOT_CANONICAL, Code.SUITE_UNSUPPORTED, Code.LOGIN_INVALID, Code.ORIGIN_FOREIGN
        ),
    )
    async def log_in(request: Request, response: Response, body: LoginBody) -> SessionView:
        """Begin a session for a signed login; a login is taken once."""
        origin.check(request)
        opened = await operator.log_in(_login(body))
        _set_cookie(response, opened.cookie, max_age_s=SESSION_LIFETIME_MS // 1000)
        return SessionView(
            wallet=format_number(opened.session.wallet), expires_ms=opened.session.expires_ms
        )

    @router.delete(
        "/current",
        status_code=204,
        openapi_extra=may_refuse(Code.ORIGIN_FOREIGN, Code.SESSION_ENDED),
    )
    async def log_out(request: Request) -> Response:
        """End the session of this cookie, with its event streams."""
        origin.check(request)
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            raise refuse(Code.SESSION_ENDED)
        async with operator.database.transaction() as connection:
            await sign_out(connection, digest_of(cookie))
        response = Response(status_code=204)
        _set_cookie(response, "", max_age_s=0)
        return response

    return router


def _set_cookie(response: Response, value: str, *, max_age_s: int) -> None:
    response.set_cookie(
        COOKIE, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="strict"
    )
    response.headers["cache-control"] = "no-store"


def _wallet(number: str) -> AccountNumber:
    try:
        return parse_number(number)
    except ValueError:
        raise refuse(Code.MALFORMED, "body.wallet") from None


def _login(body: LoginBody) -> bytes:
    try:
        return base64.b64decode(body.login, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(Code.MALFORMED, "body.login") from None
