"""Examples for the description of an API, made from the schemas that it has anyway.

An example satisfies its schema: a test holds every one against it. Where a field names examples of
its own they are taken; what lacks them is filled by its name and unit, so that a time looks like a
time and an amount like money.
"""

import re
from collections.abc import Mapping
from typing import Any

_TIME_MS = 1_790_000_000_000
_PATTERNS = {
    r"^[0-9]{16}$": "1001000123456785",
    r"^[0-9a-f]{32}$": "0199d1f2a3b47c5d8e6f708192a3b4c5",
    r"^[0-9a-f]{64}$": "6b" * 32,
    r"^[0-9]{6}$": "493028",
    r"^[0-9]{4}$": "1001",
}
_BY_NAME: tuple[tuple[str, object], ...] = (
    (r"_fen$", 12_50),
    (r"_ms$", _TIME_MS),
    (r"_s$", 300),
    (r"^(code|refusal_code)$", 1),
    (r"^field$", "body"),
    (r"^limit$", 100),
    (r"^height$", 7),
    (r"^(position|outcome)$", 0),
    (r"^signers_", 2),
)
_STRINGS_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"(^|_)(number|counterparty|account|payee|payer)$", "1001000123456785"),
    (r"(public_key|(^|_)hash|identity|reference|network_id)$", "6b" * 32),
    (r"(_id|link|cursor)$", "0199d1f2a3b47c5d8e6f708192a3b4c5"),
    (r"operator$|carried_by$", "1001"),
    (r"phone$", "+8613800138000"),
    (r"^holder$", "personal"),
    (r"^retry$", "after_change"),
    (r"^type$", "payment"),
    (r"^demo_code$", "493028"),
)
_FORMATS = {
    "uuid": "0199d1f2-a3b4-7c5d-8e6f-708192a3b4c5",
    "date": "2026-11-22",
    "date-time": "2026-11-22T12:00:00+08:00",
}
_PLAIN: dict[str, object] = {
    "string": "text",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "null": None,
}


def field_example(name: str) -> int | str:
    """Return an example of a refusal's field."""
    for pattern, value in _BY_NAME:
        if re.search(pattern, name):
            assert isinstance(value, int | str)
            return value
    return 1


def example_of(schema: Mapping[str, Any], definitions: Mapping[str, Any], name: str = "") -> object:
    """Return an example of a JSON schema.

    Args:
        schema: As FastAPI makes them.
        definitions: What its references lead to.
        name: Of the property it describes.
    """
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        return example_of(found, definitions, name)
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            return schema[keyword][0]
    for keyword in ("const", "default", "example"):
        if schema.get(keyword) is not None:
            return schema[keyword]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return example_of(schema[keyword][0], definitions, name)
    match schema.get("type"):
        case "object":
            return _object(schema, definitions)
        case "array":
            return [example_of(schema.get("items", {}), definitions, name)]
        case "string":
            return _string(schema, name)
        case "integer" | "number":
            return _number(schema, name)
        case kind:
            return _PLAIN.get(str(kind))


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: example_of(each, definitions, name)
        for name, each in schema.get("properties", {}).items()
    }


def _string(schema: Mapping[str, Any], name: str) -> str:
    if "pattern" in schema and schema["pattern"] in _PATTERNS:
        return _PATTERNS[schema["pattern"]]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    for pattern, value in _STRINGS_BY_NAME:
        if re.search(pattern, name):
            return value
    return "text"


def _number(schema: Mapping[str, Any], name: str) -> int:
    wanted = next((value for pattern, value in _BY_NAME if re.search(pattern, name)), 1)
    value = wanted if isinstance(wanted, int) else 1
    low = schema.get("minimum", schema.get("exclusiveMinimum", value - 1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", value + 1) - 1)
    return int(max(low, min(value, high)))
