"""The FastAPI application that every party starts from.

It answers with problem documents whatever goes wrong, shows its health and its figures, and
describes itself in OpenAPI. A party adds its routes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.dispatch import HotResponse, problem_response
from jiaozi.service.metrics import METRICS_EXAMPLE, METRICS_MEDIA_TYPE, exposition
from jiaozi.service.openapi import complete, raw_answer
from jiaozi.service.problems import Unhealthy
from jiaozi.storage.errors import StorageUnavailable

__all__ = ["ProblemDocument", "add_routes", "new_application"]


class ProblemDocument(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(examples=["urn:jiaozi:refusal:limit_day"])
    title: str
    status: int
    detail: str
    code: int = Field(description="The number of the refusal in the catalogue.")
    fields: dict[str, int | str]
    retry: str = Field(examples=["never", "same_order", "after_change"])


class Health(BaseModel):
    """Whether the party can do its work."""

    status: str = Field(default="ok", description="ok, or what stands in the way of a part of it")


def new_application(
    title: str,
    *,
    summary: str,
    version: str,
    registry: CollectorRegistry,
    check_health: Callable[[], Awaitable[str | None]],
    hot_operations: Mapping[tuple[str, str], Mapping[str, Any]],
) -> FastAPI:
    """Make an application with /healthz, /metrics and /openapi.json.

    Args:
        title: Of the API.
        summary: One sentence about it.
        version: Of Jiaozi.
        registry: The figures of this process.
        check_health: Returns when the party can do its work, with a word for what it cannot do;
            raises why it cannot work at all.
        hot_operations: OpenAPI operation objects of the hot routes, by method and path.
    """
    app = _Application(
        title=title,
        summary=summary,
        version=version,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.hot_operations = hot_operations
    for kind in (Refusal, StorageUnavailable, Unhealthy):
        app.add_exception_handler(kind, _tell)
    app.add_exception_handler(Exception, _leave_to_dispatcher)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)

    @app.get("/healthz", response_model=Health, tags=["process"])
    async def healthz() -> Health:
        """Say whether this party can do its work."""
        return Health(status=await check_health() or "ok")

    figures = raw_answer(METRICS_MEDIA_TYPE, "The figures", METRICS_EXAMPLE)

    @app.get("/metrics", response_class=Response, responses=figures, tags=["process"])
    async def metrics() -> Response:
        """Show the figures of this process for Prometheus."""
        return Response(exposition(registry), media_type=METRICS_MEDIA_TYPE)

    return app


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """Add routes as they are: `FastAPI.include_router` would build each of them a second time."""
    for each in routers:
        app.router.routes.extend(each.routes)


class _Application(FastAPI):
    """Describes in OpenAPI what FastAPI does not see (`jiaozi.service.openapi`)."""

    hot_operations: Mapping[tuple[str, str], Mapping[str, Any]]

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas[ProblemDocument.__name__] = ProblemDocument.model_json_schema()
            self.openapi_schema = complete(schema, self.routes, self.hot_operations)
        return self.openapi_schema


async def _tell(request: Request, error: Exception) -> Response:
    return _response(problem_response(error))


async def _leave_to_dispatcher(request: Request, error: Exception) -> Response:
    """Keep Starlette from answering in its own words."""
    raise error


async def _tell_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _response(problem_response(refuse(Code.MALFORMED, _field(error.errors()))))


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            refusal = refuse(Code.NOT_FOUND)
        case 405:
            refusal = refuse(Code.METHOD_NOT_ALLOWED)
        case _:
            refusal = refuse(Code.MALFORMED, "body")
    return _response(problem_response(refusal), dict(error.headers or {}))


def _field(errors: Sequence[Any]) -> str:
    """Name the first of the fields at fault: ``body.amount_fen``, ``query.limit``."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return "body"
    return ".".join(str(part) for part in first["loc"])


def _response(response: HotResponse, headers: dict[str, str] | None = None) -> Response:
    return Response(
        response.body,
        status_code=response.status,
        headers=dict(response.headers) | (headers or {}),
        media_type=response.content_type,
    )
