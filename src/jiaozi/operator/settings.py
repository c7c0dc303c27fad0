"""What an operator's process is given: keys, addresses, ports to the outside, bounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jiaozi.operator.customers.model import SOURCE_CODES_PER_HOUR_MAX
from jiaozi.operator.customers.sms import NoSms, Sms
from jiaozi.operator.customers.verify import DocumentVerifier, NoVerification
from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.gateway.batch import BatchLimits
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.notices.streams import StreamLimits
from jiaozi.operator.rates import OperatorRates
from jiaozi.operator.registry.client import ANSWER_TIMEOUT_S
from jiaozi.operator.screening.model import NoScreening, Screening
from jiaozi.operator.second_factor.stretching import PIN_COST
from jiaozi.protocol.domains import NetworkId
from jiaozi.service.keys import KdfCost

DEFAULT_WALLET_ORIGIN = "https://a.wallet.localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What an operator's process needs to run.

    Attributes:
        network_id: Of the network it belongs to; without it the registry is trusted once.
        sms: Sends codes; needed unless ``demo``.
        demo: Codes stand in the answers, and deposits can be funded by anyone.
        peers: Addresses of other operators, with whose headers ours are compared.
        core: A bank's core; by default the built-in one.
        verifier: Vouches for documents; by default nobody does.
        rates: How much one wallet and one address may ask.
        screening: Tells whom not to serve; by default nobody.
        source_codes_max: Codes within an hour for one address; not counted in demo mode, where all
            come from one machine.
        registry_timeout_s: How long an answer of the registry may take.
        wallet_origin: Where browsers show the wallet: sessions are for its pages alone.
    """

    code: int
    dsn: str
    registry_url: str
    keys: OperatorKeys
    network_id: NetworkId | None = None
    sms: Sms | None = None
    demo: bool = False
    peers: tuple[str, ...] = ()
    core: CoreBanking | None = None
    verifier: DocumentVerifier = field(default_factory=NoVerification)
    batch_limits: BatchLimits = field(default_factory=BatchLimits)
    rates: OperatorRates = field(default_factory=OperatorRates)
    screening: Screening = field(default_factory=NoScreening)
    source_codes_max: int = SOURCE_CODES_PER_HOUR_MAX
    database_connections_max: int = 8
    statement_timeout_ms: int = 30_000
    registry_timeout_s: float = ANSWER_TIMEOUT_S
    wallet_origin: str = DEFAULT_WALLET_ORIGIN
    pin_cost: KdfCost = PIN_COST
    stream_limits: StreamLimits = field(default_factory=StreamLimits)
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    @property
    def sender(self) -> Sms:
        """What sends codes; in demo mode nothing need.

        Raises:
            ValueError: There is none.
        """
        if self.sms is not None:
            return self.sms
        if self.demo:
            return NoSms()
        raise ValueError("outside demo mode an operator needs a way to send codes: an SMS gateway")
