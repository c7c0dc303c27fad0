"""The descriptions of both services, made without running them: routes need no database to be told.

What a service works with is stood in for; a handler is never called here. That what is served says
the same is tested (`tests/system/test_schemathesis.py`).
"""

import inspect
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

from jiaozi.central_bank.http import serve as central_bank
from jiaozi.central_bank.rates import CentralBankRates
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.http import serve as operator
from jiaozi.operator.http.access import Access


def describe_operator() -> dict[str, Any]:
    """Return the OpenAPI description of an operator in demo mode."""
    party = MagicMock(code=1001, demo=True, core=MagicMock(spec=LedgerCore))
    party.joined.genesis = b""
    party.joined.network.id = bytes(32)
    access = Access(MagicMock(), party.joined.network.id, lambda: 0, party.limits)
    return _described(operator._application, operator=party, access=access)


def describe_central_bank() -> dict[str, Any]:
    """Return the OpenAPI description of the central bank."""
    settings = MagicMock(genesis=b"", rates=CentralBankRates())
    writer = MagicMock(network=bytes(32))
    return _described(central_bank._application, settings=settings, writer=writer)


def _described(put_together: Callable[..., Any], **known: object) -> dict[str, Any]:
    """Put an application together, with stand-ins for whatever else it works with."""
    names = inspect.signature(put_together).parameters
    dispatcher = put_together(**{name: known.get(name, MagicMock()) for name in names})
    described: dict[str, Any] = dispatcher._app.openapi()
    return described
