"""What a person sets for any party's service: where it listens and how it ends."""

from dataclasses import dataclass
from pathlib import Path

from jiaozi.service.server import CONNECTIONS_MAX, DRAIN_TIMEOUT_S
from jiaozi.service.settings import LogLevel, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfiguration:
    """The settings that all services have; a party's own come after them."""

    passphrase_file: Path | None = setting(
        "Its first line opens the keys. Without it: JIAOZI_PASSPHRASE, or you are asked.",
        default=None,
    )
    host: str = setting("Address to listen on.", default="127.0.0.1")
    log_level: LogLevel = setting("The least severe lines written.", default=LogLevel.INFO)
    connections_max: int = setting(
        "HTTP connections at once; more wait.", default=CONNECTIONS_MAX, at_least=1
    )
    drain_timeout_s: float = setting(
        "How long requests under way may take to end after SIGTERM.",
        default=DRAIN_TIMEOUT_S,
        at_least=0,
        at_most=600,
    )
