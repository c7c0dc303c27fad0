"""The description of an API in OpenAPI 3.1, complete without anyone having to think of it.

FastAPI knows paths, parameters, and bodies in JSON. From the docstring of a handler, from the types
in its signature and from what it uses, this adds the rest: a summary, who must sign, every refusal
with its problem document, and examples. A route says by itself only what cannot be seen from there:

- refusals of its own: ``openapi_extra=may_refuse(Code.LIMIT_DAY)``;
- an answer that is not JSON: ``responses=raw_answer(CBOR, "The receipt", RECEIPT)``.

`gaps` names what is missing all the same; a test holds it empty for every service.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from jiaozi.protocol.refusals import CATALOGUE, Code, refuse
from jiaozi.service.examples import example_of, field_example
from jiaozi.service.problems import PROBLEM_MEDIA_TYPE, STATUS, problem_of, refusal_name

Schema: TypeAlias = dict[str, Any]

SIGNATURE = "httpMessageSignature"
REFUSALS = "x-jiaozi-refusals"
"""Names the refusals that an operation may give, by their stable words."""

ORDER_SHAPE = tuple(code for code in Code if Code.NOT_CANONICAL <= code <= Code.NUMBER_INVALID)
"""What may be wrong with the bytes of an order."""
ORDER_WINDOW = (Code.EXPIRED, Code.LIFETIME_TOO_LONG, Code.ID_TIME_AHEAD)
"""What may be wrong with its times."""

_PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}
_SCHEME = {
    "type": "http",
    "scheme": "signature",
    "description": "HTTP message signatures (RFC 9421), Ed25519. Send `Jiaozi-Network` (the "
    "network's id in hexadecimal), `Content-Digest` (RFC 9530, sha-256), `Signature-Input` and "
    '`Signature` under the label `jiaozi`, covering `("@method" "@path" "@query" '
    '"jiaozi-network" "content-digest")` with the parameters `created`, `keyid`, '
    '`alg="ed25519"`, a fresh `nonce` of at most 64 characters and `tag="jiaozi/request/1"`. '
    "At an operator the `keyid` is the wallet's number, or the public key itself to open one; at "
    "the central bank it is the certified public key in hexadecimal. A request is taken within "
    "300 s of `created`. An answer repeats the field `Jiaozi-Request` of its request, signed or "
    "not: take none that does not.",
}
_SIGNED = (
    Code.REQUEST_UNSIGNED,
    Code.OTHER_NETWORK,
    Code.REQUEST_SIGNATURE_INVALID,
    Code.DIGEST_DIFFERS,
    Code.REQUEST_REPLAYED,
    Code.NOT_ALLOWED,
)
_METHODS = ("get", "put", "post", "delete", "patch")
_UNKNOWING = ("process", "public")


def may_refuse(*codes: Code) -> Schema:
    """Return what tells which refusals a route has of its own, for ``openapi_extra``."""
    return {REFUSALS: [refusal_name(each) for each in codes]}


def raw_answer(media_type: str, description: str, example: bytes | str) -> dict[int | str, Schema]:
    """Return what describes an answer that is not JSON, for ``responses``; bytes show as hex."""
    shown = example.hex() if isinstance(example, bytes) else example
    return {200: {"description": description, "content": raw_content(media_type, shown)}}


def raw_content(media_type: str, example: str) -> Schema:
    """Return a content object for bytes; the example of a binary one is in hexadecimal."""
    is_text = media_type.startswith("text/")
    schema = {"type": "string"} if is_text else {"type": "string", "format": "binary"}
    return {media_type: {"schema": schema, "example": example}}


def complete(
    schema: Schema, routes: Sequence[BaseRoute], hot: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Schema:
    """Return a description with everything in it that FastAPI does not see.

    Args:
        schema: As FastAPI made it.
        routes: What it was made from.
        hot: Operation objects of hot routes, by method and path.
    """
    paths = schema["paths"]
    for context in iter_route_contexts(routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = paths[context.path_format][method.lower()]
            _summarize(operation)
            if _verifies(route.endpoint):
                operation["security"] = [{SIGNATURE: []}]
    for (method, path), operation in hot.items():
        paths.setdefault(path, {})[method.lower()] = deepcopy(dict(operation))
    components = schema.setdefault("components", {})
    components["securitySchemes"] = {SIGNATURE: _SCHEME}
    definitions = components.setdefault("schemas", {})
    for _, path, operation in operations(schema):
        _add_refusals(path, operation)
        _add_examples(operation, definitions)
    return schema


def operations(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield method, path and operation object of everything that is described."""
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield method, path, operation


def gaps(schema: Schema) -> list[str]:
    """Name what a reader of a description would miss."""
    found = []
    for method, path, operation in operations(schema):
        missing = [
            what
            for what, is_there in (
                ("a summary", operation.get("summary", "").strip()),
                ("a description", operation.get("description", "").strip()),
                ("a tag", operation.get("tags")),
                ("refusals", operation.get(REFUSALS)),
            )
            if not is_there
        ]
        missing += [
            f"an example of {each['name']}"
            for each in operation.get("parameters", ())
            if "example" not in each
        ]
        bodies = {"the request": operation.get("requestBody")} if "requestBody" in operation else {}
        bodies |= {f"answer {status}": each for status, each in operation["responses"].items()}
        for name, body in bodies.items():
            missing += _content_gaps(name, body or {})
        found += [f"{method.upper()} {path}: {each}" for each in missing]
    return found


def _content_gaps(name: str, body: Schema) -> Iterator[str]:
    if not body.get("content") and name not in ("answer 204", "answer 202"):
        yield f"the content of {name}"
    for media_type, content in body.get("content", {}).items():
        if not content.get("example") and not content.get("examples"):
            yield f"an example of {name} as {media_type}"


def _summarize(operation: Schema) -> None:
    """Take the first sentence of a docstring as the summary, whatever a handler is called."""
    description = " ".join(operation.get("description", "").split())
    summary = description.partition(";")[0].partition(": ")[0].partition(". ")[0].rstrip(".")
    operation["summary"] = summary
    operation["description"] = description


def _verifies(function: Callable[..., Any], depth: int = 3) -> bool:
    """Tell whether a handler uses something that verifies signatures, itself or by a function."""
    for value in inspect.getclosurevars(function).nonlocals.values():
        if getattr(type(value), "verifies_signatures", False):
            return True
        if depth and inspect.isfunction(value) and _verifies(value, depth - 1):
            return True
    return False


def _add_refusals(path: str, operation: Schema) -> None:
    words = {code: refusal_name(code) for code in Code}
    codes = {code for code, word in words.items() if word in operation.get(REFUSALS, ())}
    codes |= {Code.BUSY, Code.UNAVAILABLE}
    if operation.get("parameters") or operation.get("requestBody"):
        codes.add(Code.MALFORMED)
    if operation.get("requestBody"):
        codes.add(Code.TOO_LARGE)
    if "{" in path:
        codes.add(Code.NOT_FOUND)
    if operation.get("security"):
        codes |= set(_SIGNED)
    if not set(operation.get("tags", ())) & set(_UNKNOWING):
        codes.add(Code.UNKNOWN)
    operation[REFUSALS] = [words[code] for code in sorted(codes)]
    responses = operation["responses"]
    for status in [status for status in responses if status in ("422", "4XX", "5XX")]:
        del responses[status]
    by_status: dict[int, list[Code]] = {}
    for code in sorted(codes):
        by_status.setdefault(STATUS[code], []).append(code)
    for number, same in sorted(by_status.items()):
        responses[str(number)] = _problem_answer(same)
    responses["500"] = {
        "description": "Unexpected: found in the log by its incident",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM, "example": _UNEXPECTED}},
    }


def _problem_answer(codes: list[Code]) -> Schema:
    examples = {refusal_name(code): _problem_example(code) for code in codes}
    told = ", ".join(f"`{name}`" for name in examples)
    headers = {}
    if any(STATUS[code] in (429, 503, 504) for code in codes):
        headers["Retry-After"] = {
            "description": "Seconds after which the same may be sent again",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
            "example": "1",
        }
    return {
        "description": f"Refused: {told}",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM, "examples": examples}},
        **({"headers": headers} if headers else {}),
    }


def _problem_example(code: Code) -> Schema:
    entry = CATALOGUE[code]
    problem = problem_of(refuse(code, *(field_example(name) for name in entry.fields)))
    return {"summary": entry.meaning, "value": dict(problem.document)}


def _unexpected() -> Schema:
    document = dict(problem_of(AssertionError()).document)
    return document | {"incident": "5f0c7e1ab2d94836"}


_UNEXPECTED = _unexpected()


def _add_examples(operation: Schema, definitions: Schema) -> None:
    for parameter in operation.get("parameters", ()):
        parameter.setdefault("example", example_of(parameter["schema"], definitions))
    answers = operation["responses"].values()
    for body in (operation.get("requestBody", {}), *answers):
        for media_type, content in body.get("content", {}).items():
            is_json = media_type == "application/json" and "schema" in content
            if is_json and not content.keys() & {"example", "examples"}:
                content["example"] = example_of(content["schema"], definitions)
