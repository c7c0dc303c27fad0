"""Writes docs/reference/settings.md from the settings of the services: `make docs`."""

from collections.abc import Iterator
from pathlib import Path

from jiaozi.central_bank.configuration import CentralBankConfiguration, WorkerConfiguration
from jiaozi.central_bank.http.serve import ORDERS_BYTES_MAX
from jiaozi.central_bank.registry.intake import ANSWER_TIMEOUT_S, ORDERS_PER_REQUEST_MAX
from jiaozi.operator.configuration import OperatorConfiguration
from jiaozi.operator.http.orders import ORDERS_BYTES_MAX as GATEWAY_ORDERS_BYTES_MAX
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX
from jiaozi.service.dispatch import BODY_BYTES_MAX, BODY_TIMEOUT_S
from jiaozi.service.settings import Described, described, kind_of

PAGE = Path(__file__).parent / "reference" / "settings.md"

_HEAD = """# Settings

<!-- Made from the settings classes by `make docs`; do not edit. -->

A service takes each setting from the first of these that has it: an option of its command, the
environment, the TOML file that `--config` (or `JIAOZI_CONFIG`) names, the default. The unit is the
end of the name: `_ms` and `_s` are milliseconds and seconds, `_per_s` is a rate; what has none is
a count. A setting that is unknown or out of bounds is refused by name, and nothing starts.

```toml
# central-bank.toml
dsn = "postgresql://central_bank@db.example/central_bank"
network = "/etc/jiaozi/network"
commit_timeout_s = 5
```
"""
_SERVICES = (
    ("The central bank", "jiaozi central-bank serve", CentralBankConfiguration),
    ("The central bank's worker", "jiaozi central-bank worker", WorkerConfiguration),
    ("An operator", "jiaozi operator serve", OperatorConfiguration),
)
_FIXED = (
    ("Orders in one request to the registry", f"{ORDERS_PER_REQUEST_MAX:,}"),
    ("Bytes of a request with orders to the registry", f"{ORDERS_BYTES_MAX:,}"),
    ("Bytes of a request with orders to an operator", f"{GATEWAY_ORDERS_BYTES_MAX:,}"),
    ("Bytes of one order with its legs", f"{SUBMISSION_BYTES_MAX:,}"),
    ("Bytes of any other request", f"{BODY_BYTES_MAX:,}"),
    ("Seconds in which a request's body must have come", f"{BODY_TIMEOUT_S:g}"),
    ("Seconds after which the registry answers `unknown`", f"{ANSWER_TIMEOUT_S:g}"),
)


def render() -> str:
    """Return the page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for title, command, kind in _SERVICES:
        yield f"\n## {title}\n\n`{command}`\n\n"
        yield "| Setting | Environment | Value | Default | What it is |\n|---|---|---|---|---|\n"
        yield from (_row(each) for each in described(kind))
    yield "\n## Limits that are fixed\n\n| Limit | Value |\n|---|---:|\n"
    yield from (f"| {name} | {value} |\n" for name, value in _FIXED)


def _row(each: Described) -> str:
    return (
        f"| `{each.name}` | `{each.variable}` | {_value(each)} | {_default(each)} | {each.help} |\n"
    )


def _value(each: Described) -> str:
    match each.at_least, each.at_most:
        case None, None:
            return kind_of(each)
        case at_least, None:
            return f"{kind_of(each)}, at least {at_least:g}"
        case at_least, at_most:
            return f"{kind_of(each)}, {at_least:g} to {int(at_most)}"


def _default(each: Described) -> str:
    if each.is_required:
        return "must be given"
    match each.default:
        case None:
            return "none"
        case bool():
            return f"`{str(each.default).lower()}`"
        case int() | float():
            return f"{each.default:g}" if isinstance(each.default, float) else str(each.default)
        case frozenset():
            return ", ".join(sorted(each.default)) or "none"
        case _:
            return f"`{each.default}`"
