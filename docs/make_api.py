"""Writes docs/reference/api.md from the descriptions of both services: `make docs`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.apis import describe_central_bank, describe_operator
from jiaozi.service.openapi import REFUSALS, operations

PAGE = Path(__file__).parent / "reference" / "api.md"
EXAMPLE_LENGTH_MAX = 160

_HEAD = """# The API of both services

<!-- Made from the services' own descriptions by `make docs`; do not edit. -->

Each service describes itself in OpenAPI 3.1 at `/openapi.json`; this page is made from that.
Amounts are integers of fen, times Unix milliseconds, numbers 16 digits, ids and hashes lower-case
hexadecimal. Bytes in examples are shown in hexadecimal.

Every refusal is a problem document (`application/problem+json`, RFC 9457); each word below leads to
its meaning in [errors.md](../errors.md). Any route may answer
`500` with `urn:jiaozi:problem:unexpected` when something broke.

Every answer repeats the field `Jiaozi-Request` of its request, if there was one. Send 16 random
bytes in hexadecimal, new ones for each attempt, and take no answer that does not repeat them: what
a network delivers twice would be taken for the answer to the next request on the connection.

## Signed requests

{scheme}

[Pay from your own program](../how-to/pay-from-your-own-program.md) makes one by hand.

"""


def render() -> str:
    """Return the page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    descriptions = (describe_operator(), describe_central_bank())
    [scheme] = descriptions[0]["components"]["securitySchemes"].values()
    yield _HEAD.format(scheme=scheme["description"])
    for described in descriptions:
        yield from _service(described)


def _service(described: dict[str, Any]) -> Iterator[str]:
    info = described["info"]
    yield f"## {info['title']}\n\n{info['summary']}\n\n"
    ordered = sorted(operations(described), key=lambda each: (each[2]["tags"][0], each[1], each[0]))
    yield "| Route | What it does | Signed |\n|---|---|---|\n"
    for method, path, operation in ordered:
        signed = "yes" if operation.get("security") else ""
        yield f"| `{method.upper()} {path}` | {operation['summary']} | {signed} |\n"
    yield "\n"
    for method, path, operation in ordered:
        yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}\n\n{operation['description']}\n\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| Parameter | In | Required | Takes | Example |\n|---|---|---|---|---|\n"
        for each in parameters:
            yield (
                f"| `{each['name']}` | {each['in']} | {'yes' if each.get('required') else 'no'} | "
                f"{_takes(each['schema'])} | `{each['example']}` |\n"
            )
        yield "\n"
    if "requestBody" in operation:
        yield from _contents("Request", operation["requestBody"]["content"])
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from _contents(f"Answer {status}", answer.get("content", {}))
    words = ", ".join(f"[`{each}`](../errors.md#{each})" for each in operation[REFUSALS])
    yield f"Refusals: {words}\n\n"


def _contents(title: str, contents: dict[str, Any]) -> Iterator[str]:
    for media_type, content in contents.items():
        yield f"{title}, `{media_type}`:\n\n"
        example = content["example"]
        if isinstance(example, str):
            yield f"```text\n{_shortened(example.rstrip())}\n```\n\n"
        else:
            text = json.dumps(_short_values(example), ensure_ascii=False, indent=2)
            yield f"```json\n{text}\n```\n\n"


def _takes(schema: dict[str, Any]) -> str:
    """Tell a parameter's type and bounds in one cell."""
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    kind = kinds[0]
    words = [str(kind.get("type", "value"))]
    if "enum" in kind:
        words = ["one of " + ", ".join(f"`{each}`" for each in kind["enum"])]
    words += [f"`{kind['pattern']}`"] if "pattern" in kind else []
    for keyword, word in (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
        ("maxLength", "characters at most"),
    ):
        if keyword in kind:
            words.append(f"{word} {kind[keyword]}")
    if schema.get("default") is not None:
        words.append(f"default `{schema['default']}`")
    return ", ".join(words).replace("|", "\\|")


def _short_values(value: Any) -> Any:
    match value:
        case str():
            return _shortened(value)
        case dict():
            return {name: _short_values(each) for name, each in value.items()}
        case list():
            return [_short_values(each) for each in value]
        case _:
            return value


def _shortened(text: str) -> str:
    return text if len(text) <= EXAMPLE_LENGTH_MAX else text[:EXAMPLE_LENGTH_MAX] + "…"
