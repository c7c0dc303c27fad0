"""How much one operator, one other caller and one address may ask of the central bank.

Operators are few and each is one certified caller, so they are counted by their code, whatever keys
they use. None may have more orders under way than a share of the writer's queue: a flood by one
leaves room for the others'.
"""

from dataclasses import dataclass

from jiaozi.protocol.certificates import Certified
from jiaozi.service.rates import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralBankRates:
    """Limits of one process; per second in the long run, and at once.

    Attributes:
        address: Requests of one address that nobody has signed, and falsely signed ones.
        caller: Signed requests of one operator, or of one officer's or auditor's key.
        orders_bytes_max: Bytes of one caller's orders under way at once: about half of what the
            writer's queue takes.
        proxies: Addresses of reverse proxies whose `X-Forwarded-For` is believed.
    """

    address: Rate = Rate(per_s=200, burst=4_000)
    caller: Rate = Rate(per_s=1_000, burst=5_000)
    orders_bytes_max: int = 4 << 20
    proxies: frozenset[str] = frozenset()


def counted_as(certified: Certified) -> int | bytes:
    """Return for whom a key's requests count: its operator, else itself."""
    return certified.operator or certified.key
