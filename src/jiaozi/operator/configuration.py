"""What a person sets for an operator's service: `jiaozi operator serve`."""

from dataclasses import dataclass
from pathlib import Path

from jiaozi.operator.customers.model import SOURCE_CODES_PER_HOUR_MAX
from jiaozi.operator.gateway.batch import BatchLimits
from jiaozi.operator.rates import OperatorRates
from jiaozi.operator.registry.client import ANSWER_TIMEOUT_S
from jiaozi.operator.settings import DEFAULT_WALLET_ORIGIN
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX
from jiaozi.service.configuration import ServiceConfiguration
from jiaozi.service.rates import Rate
from jiaozi.service.settings import setting

_BATCH = BatchLimits()
_RATES = OperatorRates()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfiguration(ServiceConfiguration):
    """The settings; each is described where it is made."""

    operator_code: int = setting(
        "The operator's code: its prefix.", at_least=1, at_most=OPERATOR_CODE_MAX
    )
    dsn: str = setting("The operator's own PostgreSQL database.")
    registry_url: str = setting("Where the central bank serves.")
    keys: Path = setting("The directory of `jiaozi operator keys`.")
    key_store: str | None = setting(
        "Where the signing keys are: a directory or a PKCS#11 URI; by default in that directory.",
        default=None,
    )
    network_id: str | None = setting(
        "The network's id, learnt by another way; else the registry is trusted once.",
        default=None,
    )
    sms_url: str | None = setting("Takes codes as a POST of {phone, code} in JSON.", default=None)
    screening_list: Path | None = setting(
        "A CSV of whom not to serve, read again when it changes; see `operator screening`.",
        default=None,
    )
    address_codes_per_hour: int = setting(
        "Codes to phones asked for from one address within an hour; not in demo mode.",
        default=SOURCE_CODES_PER_HOUR_MAX,
        at_least=1,
    )
    peers: frozenset[str] = setting(
        "Addresses of other operators, with whose headers ours are compared.", default=frozenset()
    )
    demo: bool = setting("Tell codes in the answer; give deposits to whoever asks.", default=False)
    wallet_origin: str = setting(
        "Where browsers show the wallet, as https://HOST; sessions are for its pages alone.",
        default=DEFAULT_WALLET_ORIGIN,
    )
    port: int = setting("0 takes a free one.", default=10241, at_least=0, at_most=65_535)
    database_connections_max: int = setting(
        "Connections to PostgreSQL.", default=8, at_least=3, at_most=1_000
    )
    statement_timeout_ms: int = setting(
        "Longest run of one SQL statement.", default=30_000, at_least=100, at_most=600_000
    )
    registry_timeout_s: float = setting(
        "An answer of the registry that has not come by then is `unknown`.",
        default=ANSWER_TIMEOUT_S,
        at_least=0.1,
        at_most=60,
    )
    batch_orders_max: int = setting(
        "Orders in one request to the registry.",
        default=_BATCH.batch_max,
        at_least=1,
        at_most=2_000,
    )
    batches_in_flight_max: int = setting(
        "Requests with orders at the registry at once.",
        default=_BATCH.in_flight_max,
        at_least=1,
        at_most=16,
    )
    company_orders: int = setting(
        "Orders that leave together beside a batch under way.",
        default=_BATCH.company,
        at_least=1,
        at_most=2_000,
    )
    queue_orders_max: int = setting(
        "Orders that may wait in the gateway; more are `busy`.",
        default=_BATCH.queue_max,
        at_least=1,
        at_most=1_000_000,
    )
    gather_s: float = setting(
        "Longest wait of an order for company.", default=_BATCH.gather_s, at_least=0, at_most=1
    )
    queue_timeout_s: float = setting(
        "Longest wait in the gateway; then it is `busy`.",
        default=_BATCH.deadline_s,
        at_least=0.1,
        at_most=60,
    )
    address_requests_per_s: float = setting(
        "Unsigned, false or refused requests of one address, in the long run.",
        default=_RATES.address.per_s,
        at_least=0.01,
    )
    address_requests_burst: int = setting(
        "The same, at once.", default=_RATES.address.burst, at_least=1
    )
    wallet_requests_per_s: float = setting(
        "Signed requests of one wallet, in the long run.",
        default=_RATES.wallet.per_s,
        at_least=0.01,
    )
    wallet_requests_burst: int = setting(
        "The same, at once.", default=_RATES.wallet.burst, at_least=1
    )
    wallet_orders_per_s: float = setting(
        "Orders of one wallet from one address, in the long run.",
        default=_RATES.order.per_s,
        at_least=0.01,
    )
    wallet_orders_burst: int = setting("The same, at once.", default=_RATES.order.burst, at_least=1)
    codes_per_s: float = setting(
        "Codes to phones asked for from one address, in the long run; not in demo mode.",
        default=_RATES.code.per_s,
        at_least=0.001,
    )
    codes_burst: int = setting("The same, at once.", default=_RATES.code.burst, at_least=1)
    devices_per_s: float = setting(
        "Anonymous devices enrolled from one address, in the long run; not in demo mode.",
        default=_RATES.device.per_s,
        at_least=0.001,
    )
    devices_burst: int = setting("The same, at once.", default=_RATES.device.burst, at_least=1)
    hand_in_cpu_ms_per_s: float = setting(
        "Milliseconds of CPU a second for offline logs and payments of one address, in the long "
        "run; 50 is a twentieth of a core. Not in demo mode.",
        default=_RATES.hand_in.per_s,
        at_least=1,
        at_most=10_000,
    )
    hand_in_cpu_ms_burst: int = setting(
        "The same, at once; a log that takes more is read all the same, and then paid off.",
        default=_RATES.hand_in.burst,
        at_least=1,
    )
    proxies: frozenset[str] = setting(
        "Addresses of reverse proxies whose X-Forwarded-For is believed.",
        default=_RATES.proxies,
    )

    @property
    def batch_limits(self) -> BatchLimits:
        """Those of the gateway."""
        return BatchLimits(
            batch_max=self.batch_orders_max,
            in_flight_max=self.batches_in_flight_max,
            company=self.company_orders,
            queue_max=self.queue_orders_max,
            gather_s=self.gather_s,
            deadline_s=self.queue_timeout_s,
        )

    @property
    def rates(self) -> OperatorRates:
        """How much wallets and addresses may ask."""
        return OperatorRates(
            address=Rate(per_s=self.address_requests_per_s, burst=self.address_requests_burst),
            code=Rate(per_s=self.codes_per_s, burst=self.codes_burst),
            device=Rate(per_s=self.devices_per_s, burst=self.devices_burst),
            hand_in=Rate(per_s=self.hand_in_cpu_ms_per_s, burst=self.hand_in_cpu_ms_burst),
            wallet=Rate(per_s=self.wallet_requests_per_s, burst=self.wallet_requests_burst),
            order=Rate(per_s=self.wallet_orders_per_s, burst=self.wallet_orders_burst),
            proxies=self.proxies,
        )
