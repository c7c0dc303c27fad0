"""Who holds a wallet, put together: opening, classes, sub-wallets, signatories, screening."""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.customers.deposit_phone import DepositPhone
from jiaozi.operator.customers.identify import IdentifyHolder
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.prove_phone import ProvePhone
from jiaozi.operator.customers.verify import DocumentVerifier
from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.screening.model import Screening
from jiaozi.operator.screening.screen import ScreenCustomer
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.operator.wallets.open_under import OpenUnder
from jiaozi.operator.wallets.platforms import Platforms
from jiaozi.operator.wallets.set_class import SetClass
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.operator.wallets.signatories import Signatories
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.suites import Signer
from jiaozi.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityParts:
    """What the use cases are made of."""

    code: int
    network: NetworkId
    certify: Signer
    database: Database
    privacy: Privacy
    screening: Screening
    verifier: DocumentVerifier
    deposit_phone: DepositPhone
    core: CoreBanking
    settle: SettleOrder
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The use cases."""

    screen: ScreenCustomer
    certify_orders: CertifyOrders
    open_wallet: OpenWallet
    open_under: OpenUnder
    set_class: SetClass
    signatories: Signatories
    platforms: Platforms


def identity_of(parts: IdentityParts) -> Identity:
    """Put the use cases together."""
    database, privacy, now_ms = parts.database, parts.privacy, parts.now_ms
    certifier = Certifier(operator=parts.code, network=parts.network, key=parts.certify)
    identify = IdentifyHolder(privacy=privacy)
    screen = ScreenCustomer(
        database=database, privacy=privacy, screening=parts.screening, now_ms=now_ms
    )
    orders = CertifyOrders(database=database, settle=parts.settle, now_ms=now_ms)
    open_wallet = OpenWallet(
        database=database,
        certifier=certifier,
        prove_phone=ProvePhone(database=database, privacy=privacy, now_ms=now_ms),
        verifier=parts.verifier,
        identify=identify,
        screen=screen,
        core=parts.core,
        settle=parts.settle,
        now_ms=now_ms,
    )
    open_under = OpenUnder(
        database=database, certifier=certifier, advance=open_wallet.advance, now_ms=now_ms
    )
    return Identity(
        screen=screen,
        certify_orders=orders,
        open_wallet=open_wallet,
        open_under=open_under,
        set_class=SetClass(
            database=database,
            certifier=certifier,
            orders=orders,
            identify=identify,
            verifier=parts.verifier,
            screen=screen,
            deposit_phone=parts.deposit_phone,
            core=parts.core,
            now_ms=now_ms,
        ),
        signatories=Signatories(
            database=database,
            privacy=privacy,
            identify=identify,
            screen=screen,
            certifier=certifier,
            open_under=open_under,
            orders=orders,
            now_ms=now_ms,
        ),
        platforms=Platforms(database=database, now_ms=now_ms),
    )
