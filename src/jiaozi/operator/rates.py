"""How much one wallet and one address may ask of an operator.

An order is counted for its payer and its sender's address together, before anyone has checked its
signature: counted for the payer alone, everybody could use up what is somebody else's, by orders in
their name. What a wallet asks signed is counted for the wallet, wherever it comes from.
"""

from dataclasses import dataclass

from jiaozi.service.rates import Allowance, Rate, RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRates:
    """Limits of one process; per second in the long run, and at once.

    Attributes:
        address: Requests of one address that nobody has signed, and false or refused ones.
        code: Codes to phones asked for from one address; not counted in demo mode.
        device: Anonymous devices enrolled from one address, each of which takes a share of the
            guarantee; not counted in demo mode.
        hand_in: Milliseconds of CPU for the logs and payments that one address hands in; not
            counted in demo mode.
        wallet: Signed requests of one wallet.
        order: Orders of one wallet from one address.
        proxies: Addresses of reverse proxies whose `X-Forwarded-For` is believed.
    """

    address: Rate = Rate(per_s=200, burst=4_000)
    code: Rate = Rate(per_s=0.2, burst=20)
    device: Rate = Rate(per_s=0.2, burst=100)
    hand_in: Rate = Rate(per_s=50, burst=10_000)
    wallet: Rate = Rate(per_s=50, burst=500)
    order: Rate = Rate(per_s=1_000, burst=4_000)
    proxies: frozenset[str] = frozenset()


class OperatorLimits:
    """The limits at work; one for a process."""

    def __init__(self, rates: OperatorRates, *, demo: bool) -> None:
        self.proxies = rates.proxies
        self.addresses = RateLimit(rates.address)
        self.wallets = RateLimit(rates.wallet)
        self.orders = RateLimit(rates.order)
        self._codes = None if demo else RateLimit(rates.code)
        self._devices = None if demo else RateLimit(rates.device)
        self._hand_ins = None if demo else RateLimit(rates.hand_in)

    def take_code(self, source: str) -> None:
        """Count a code that an address asks for.

        Raises:
            Refusal: ``busy``.
        """
        if self._codes is not None:
            self._codes.take(source)

    def take_device(self, source: str) -> None:
        """Count an anonymous device that an address enrols.

        Raises:
            Refusal: ``busy``.
        """
        if self._devices is not None:
            self._devices.take(source)

    def hand_in_cpu_ms(self, source: str) -> Allowance:
        """Return what is left to an address of the CPU for what it hands in, in milliseconds."""
        return Allowance(self._hand_ins, source)
