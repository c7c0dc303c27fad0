"""An operator that dies where it is told to; `main` is run in a process of its own."""

import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.exchange.store import ExchangeStore
from jiaozi.operator.history import follow
from jiaozi.operator.http.serve import serve_operator
from jiaozi.operator.life import store as life
from jiaozi.operator.life.rebind import RebindWallet
from jiaozi.operator.offline import payment_store as payments
from jiaozi.operator.offline import signed_store as signed
from jiaozi.operator.offline import store as offline
from jiaozi.operator.offline import stranger_store as strangers
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.settings import OperatorSettings
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.operator.wallets.set_class import SetClass
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party
from tests.operator.builders import OPERATOR, operator_keys
from tests.registry.network import Keys

OPENING_STEPS = ("OpenWallet._store", "RegistryClient.submit", "store.finish_opening")
CLASS_STEPS = ("SetClass._store", "RegistryClient.submit", "store.finish_certify_order")
EXCHANGE_STEPS = (
    "ExchangeStore.add_exchange",
    "LedgerCore.hold",
    "ExchangeStore.keep_exchange_order",
    "RegistryClient.submit",
    "ExchangeStore.decide_exchange",
    "LedgerCore.capture",
    "ExchangeStore.close_exchange",
)
GIVING_BACK_STEPS = ("ExchangeStore.decide_exchange", "LedgerCore.release")
REDEEM_STEPS = (
    "ExchangeStore.add_redemption",
    "RegistryClient.submit",
    "ExchangeStore.decide_redemption",
    "LedgerCore.credit",
    "ExchangeStore.close_redemption",
)
SWEEP_STEPS = ("follow.add_sweeps", "LedgerCore.credit")
REBIND_REQUEST_STEPS = (
    "RebindWallet._store",
    "RegistryClient.submit",
    "store.finish_certify_order",
    "life.move_rebind",
)
REBIND_COMPLETION_STEPS = (
    "life.complete_with",
    "RegistryClient.submit",
    "store.finish_certify_order",
    "life.move_rebind",
)
ENROLMENT_STEPS = ("offline.add_order", "RegistryClient.submit", "offline.decide_order")
LOAD_STEPS = ("signed.add_load", "signed.sign_load")
HAND_IN_STEPS = ("RegistryClient.submit", "payments.add")
RETURN_STEPS = (
    "RegistryClient.submit",
    "payments.add",
    "payments.renew",
    "payments.record",
    "+RegistryClient.submit",
)
SYNCHRONISATION_STEPS = ("signed.add_checkpoint", "RegistryClient.revocations")
TAKE_UP_STEPS = (
    "payments.add",
    "strangers.keep",
    "+RegistryClient.submit",
    "strangers.decide",
    "payments.record",
)
_PLACES: dict[str, Any] = {
    "LedgerCore": LedgerCore,
    "ExchangeStore": ExchangeStore,
    "RegistryClient": RegistryClient,
    "OpenWallet": OpenWallet,
    "SetClass": SetClass,
    "RebindWallet": RebindWallet,
    "life": life,
    "offline": offline,
    "signed": signed,
    "strangers": strangers,
    "payments": payments,
    "follow": follow,
    "store": wallets,
}
_STEPS = {
    *OPENING_STEPS, *CLASS_STEPS, *EXCHANGE_STEPS, *GIVING_BACK_STEPS, *REDEEM_STEPS,
    *REBIND_REQUEST_STEPS, *REBIND_COMPLETION_STEPS, *SWEEP_STEPS,
    *ENROLMENT_STEPS, *LOAD_STEPS, *HAND_IN_STEPS, *RETURN_STEPS[:-1], *SYNCHRONISATION_STEPS,
    *TAKE_UP_STEPS[:2], *TAKE_UP_STEPS[3:],
}  # fmt: skip


def main(dsn: str, registry_url: str, death: Path, tell_url: Callable[[str], None]) -> None:
    """Serve until killed.

    Args:
        dsn: Of the operator's database.
        registry_url: Of the central bank.
        death: A file. While it holds the name of a step, such as ``LedgerCore.hold``, the process
            is killed by SIGKILL right after that step, before anything that follows from it;
            with a plus before it, after the second time.
        tell_url: Called with the URL once it serves.
    """
    for name in _STEPS:
        place, _, step = name.partition(".")
        setattr(_PLACES[place], step, _deadly(getattr(_PLACES[place], step), name, death))
    settings = OperatorSettings(
        code=OPERATOR, dsn=dsn, registry_url=registry_url, keys=operator_keys(Keys()), demo=True
    )
    configure_logs("operator-1001", level="WARNING")
    run_party(
        lambda: serve_operator(settings),
        host="127.0.0.1",
        port=0,
        on_ready=tell_url,
    )


def _deadly(step: Callable[..., Any], name: str, death: Path) -> Callable[..., Any]:
    @wraps(step)
    async def then_die(*arguments: object, **named: object) -> object:
        result = await step(*arguments, **named)
        said = death.read_text() if death.exists() else ""
        if said == f"+{name}":
            death.write_text(name)
        elif said == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return then_die
