"""What the registry signed, for everyone: the chain of headers, and proofs against it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from jiaozi.operator.headers import store
from jiaozi.operator.headers.compare import HEIGHT_HEADER
from jiaozi.protocol import cbor
from jiaozi.service.network_examples import EQUIVOCATIONS, HEADERS
from jiaozi.service.openapi import raw_answer
from jiaozi.storage.database import Database

CBOR_SEQUENCE = "application/cbor-seq"
HEADERS_MAX = 1_000
PROOFS_MAX = 100


def header_routes(database: Database) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["public"])

    @router.get(
        "/headers",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Headers, each a byte string", HEADERS),
    )
    async def headers(
        start: Annotated[int, Query(alias="from", ge=0, lt=2**63, examples=[7])] = 0,
        limit: Annotated[int, Query(ge=1, le=HEADERS_MAX, examples=[100])] = 100,
    ) -> Response:
        """Give the registry's signed headers from a height on, as this operator was given them.

        Jiaozi-Height tells the height of the last one; -1 when there is none.
        """
        async with database.connection() as connection:
            height = await store.read_cursor(connection)
            encoded = await store.page(connection, start, limit)
        return _sequence(encoded, {HEIGHT_HEADER: str(height)})

    @router.get(
        "/equivocations",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Proofs, the newest first", EQUIVOCATIONS),
    )
    async def equivocations() -> Response:
        """Give the proofs that the registry signed two histories; none, as long as it has not.

        Whoever has genesis can check them.
        """
        async with database.connection() as connection:
            found = await store.proofs(connection, PROOFS_MAX)
        return Response(b"".join(found), media_type=CBOR_SEQUENCE)

    return router


def _sequence(encoded: list[bytes], headers: dict[str, str]) -> Response:
    data = b"".join(map(cbor.encode, encoded))
    return Response(data, media_type=CBOR_SEQUENCE, headers=headers)
