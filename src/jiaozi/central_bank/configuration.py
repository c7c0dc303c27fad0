"""What a person sets for the central bank: `jiaozi central-bank serve` and its worker."""

from dataclasses import dataclass
from pathlib import Path

from jiaozi.central_bank.rates import CentralBankRates
from jiaozi.central_bank.registry.writer import IDLE_BLOCK_S, WriterLimits
from jiaozi.service.configuration import ServiceConfiguration
from jiaozi.service.rates import Rate
from jiaozi.service.settings import setting

_LIMITS = WriterLimits()
_RATES = CentralBankRates()


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralBankConfiguration(ServiceConfiguration):
    """The settings; each is described where it is made."""

    dsn: str = setting("The registry's PostgreSQL database.")
    network: Path = setting("The ceremony's directory: genesis and the registry's keys.")
    key_store: str | None = setting(
        "Where the block key is: a directory or a PKCS#11 URI; by default beside genesis.",
        default=None,
    )
    rulebooks: Path | None = setting(
        "A directory of rulebook files beside those shipped.", default=None
    )
    port: int = setting("0 takes a free one.", default=10240, at_least=0, at_most=65_535)
    verifier_processes: int = setting(
        "Processes that check signatures; 0 checks them in threads.",
        default=2,
        at_least=0,
        at_most=64,
    )
    batch_orders_max: int = setting(
        "Orders in one block.", default=_LIMITS.batch_max, at_least=1, at_most=10_000
    )
    queue_orders_max: int = setting(
        "Orders that may wait for the writer; more are `busy`.",
        default=_LIMITS.queue_max,
        at_least=1,
        at_most=1_000_000,
    )
    idle_block_s: float = setting(
        "An idle registry commits an empty block so often.",
        default=IDLE_BLOCK_S,
        at_least=0.1,
        at_most=60,
    )
    commit_timeout_s: float = setting(
        "A commit without an answer by then is `unknown`: a full disk, or a lost standby.",
        default=_LIMITS.commit_timeout_s,
        at_least=0.1,
        at_most=25,
    )
    database_connections_max: int = setting(
        "Connections to PostgreSQL.", default=8, at_least=3, at_most=1_000
    )
    statement_timeout_ms: int = setting(
        "Longest run of one SQL statement.", default=30_000, at_least=100, at_most=600_000
    )
    address_requests_per_s: float = setting(
        "Unsigned or falsely signed requests of one address, in the long run.",
        default=_RATES.address.per_s,
        at_least=0.01,
    )
    address_requests_burst: int = setting(
        "The same, at once.", default=_RATES.address.burst, at_least=1
    )
    caller_requests_per_s: float = setting(
        "Signed requests of one operator, officer or auditor, in the long run.",
        default=_RATES.caller.per_s,
        at_least=0.01,
    )
    caller_requests_burst: int = setting(
        "The same, at once.", default=_RATES.caller.burst, at_least=1
    )
    proxies: frozenset[str] = setting(
        "Addresses of reverse proxies whose X-Forwarded-For is believed.",
        default=_RATES.proxies,
    )

    @property
    def limits(self) -> WriterLimits:
        """Those of the writer."""
        return WriterLimits(
            batch_max=self.batch_orders_max,
            queue_max=self.queue_orders_max,
            commit_timeout_s=self.commit_timeout_s,
        )

    @property
    def rates(self) -> CentralBankRates:
        """How much callers may ask."""
        return CentralBankRates(
            address=Rate(per_s=self.address_requests_per_s, burst=self.address_requests_burst),
            caller=Rate(per_s=self.caller_requests_per_s, burst=self.caller_requests_burst),
            proxies=self.proxies,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfiguration(ServiceConfiguration):
    """The settings of `jiaozi central-bank worker`; each is described where it is made."""

    dsn: str = setting("The registry's PostgreSQL database.")
    network: Path = setting("The ceremony's directory: genesis and the registry's keys.")
    key_store: str | None = setting(
        "Where the block key is: a directory or a PKCS#11 URI; by default beside genesis.",
        default=None,
    )
    port: int = setting("0 takes a free one.", default=10249, at_least=0, at_most=65_535)
    database_connections_max: int = setting(
        "Connections to PostgreSQL beside those of the jobs.", default=4, at_least=3, at_most=1_000
    )
