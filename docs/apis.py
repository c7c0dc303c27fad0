"""The descriptions of both services, made without running them: routes need no database to be told.

What a service works with is stood in for; a handler is never called here.
"""

from importlib.metadata import version
from types import SimpleNamespace
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
    return _described(operator._application(party, access, lambda: True))


def describe_central_bank() -> dict[str, Any]:
    """Return the OpenAPI description of the central bank."""
    settings = MagicMock(genesis=b"", rates=CentralBankRates())
    writer = MagicMock(network=bytes(32))
    return _described(central_bank._application(settings, writer, MagicMock(), MagicMock()))


def _described(dispatcher: Any) -> dict[str, Any]:
    described: dict[str, Any] = dispatcher._app.openapi()
    return described


def versions() -> SimpleNamespace:
    """Return what the pages say they were made from."""
    return SimpleNamespace(jiaozi=version("jiaozi"))
