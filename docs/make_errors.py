"""Writes docs/errors.md from the catalogue of refusals: `make docs`."""

from collections.abc import Iterator
from pathlib import Path

from jiaozi.protocol.refusals import CATALOGUE, Code, PayeeCause
from jiaozi.service.problems import STATUS, refusal_name

PAGE = Path(__file__).with_name("errors.md")

_HEAD = """# Refusals

<!-- Made from src/jiaozi/protocol/refusals.py by `make docs`; do not edit. -->

Every way in which a party says no. The number and the word are stable; the fields say what to do
next. Over HTTP a refusal is a problem document (RFC 9457) with `type`
`urn:jiaozi:refusal:WORD`, `code`, `fields` and `retry`; in a block and in an answer of the registry
it is the list `[code, field, ...]`. The `WORD` of a type is the anchor of its line here, so
`urn:jiaozi:refusal:limit_day` is explained at `errors.md#limit_day`.

`retry` says whether sending again can help:

- `never`: this request or order can never be taken as it is;
- `after_change`: change what stands in the way, then send a new order with a new id;
- `same_order`: nothing is known yet or nothing was taken; send the very same order again.
"""
_PARTS = (
    (
        range(1, 100),
        "Requests",
        "The bytes, the signatures or the caller are not right. Nothing was taken, and no order id "
        "is used up.",
    ),
    (
        range(100, 200),
        "Outcomes",
        "The order was well formed and signed by the right keys, so this outcome stands in a block "
        "and is final for its id.",
    ),
    (
        range(200, 300),
        "Operators",
        "Refused by an operator before anything was sent to the registry.",
    ),
    (
        range(300, 400),
        "Purses",
        "Refused by a purse, or by whoever reads what purses say. No value moved.",
    ),
)
_CAUSES = """
## What nobody expected

<a id="unexpected"></a>`urn:jiaozi:problem:unexpected`, with status 500, says that something broke.
Its `incident` finds the failure in the log. Send the same order again, or ask for it by its id.

## Why a payee cannot receive

The payer hears `payee_cannot_receive` and no more. The payee's operator learns the cause from its
feed: {causes}.
"""


def render() -> str:
    """Return the page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for codes, title, meaning in _PARTS:
        yield f"\n## {title}\n\n{meaning}\n\n"
        yield "| Code | Word | HTTP | Meaning | Fields | Retry |\n|---:|---|---:|---|---|---|\n"
        yield from (_row(code) for code in Code if code in codes)
    causes = ", ".join(f"{int(each)} {each.name.lower().replace('_', ' ')}" for each in PayeeCause)
    yield _CAUSES.format(causes=causes)


def _row(code: Code) -> str:
    entry = CATALOGUE[code]
    fields = ", ".join(f"`{name}`" for name in entry.fields)
    return (
        f'| {int(code)} | <a id="{refusal_name(code)}"></a>`{refusal_name(code)}` | '
        f"{STATUS[code]} | {entry.meaning} | {fields} | "
        f"`{entry.retry.value}` |\n"
    )


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
