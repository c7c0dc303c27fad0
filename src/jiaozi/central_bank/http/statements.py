"""Daily statements, each to the operator that it is about."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.central_bank.http.access import Access
from jiaozi.central_bank.statements import store
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.service.network_examples import STATEMENTS
from jiaozi.service.openapi import raw_answer
from jiaozi.storage.database import Database

CBOR_SEQUENCE = "application/cbor-seq"
STATEMENTS_MAX = 400
"""A year and a month."""
_EPOCH = date(1970, 1, 1)
_LAST = date(9999, 12, 31)


def statement_routes(database: Database, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["operators"])

    @router.get(
        "/statements",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Statements, each a byte string", STATEMENTS),
    )
    async def statements(
        request: Request,
        start: Annotated[date, Query(alias="from", examples=["2026-05-29"])] = _EPOCH,
        end: Annotated[date, Query(alias="to", examples=["2026-05-31"])] = _LAST,
    ) -> Response:
        """Give the caller's daily statements from one day to another, at most 400.

        Each is a COSE_Sign1 message in a byte string, the oldest first.
        """
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        async with database.connection() as connection:
            encoded = await store.of_operator(
                connection,
                caller.operator,
                from_day=(start - _EPOCH).days,
                to_day=(end - _EPOCH).days,
                limit=STATEMENTS_MAX,
            )
        return Response(b"".join(map(cbor.encode, encoded)), media_type=CBOR_SEQUENCE)

    return router
