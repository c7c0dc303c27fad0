"""Devices and their payments for a registry of a test.

::

    async with registry_world(dsn, rulebooks=[OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()                             # money, and guarantees of both operators
        wallet = await world.open_wallet(balance_fen=5_000)
        payer = await desk.enrolled("payer", wallet=wallet, load_fen=1_000)
        payee = await desk.enrolled("payee", operator=1002)
        await world.settle(desk.settle(desk.pay(payer, payee, 300)))

Every method that is not awaited returns bytes without sending them. A `Purse` is a key with a
counter and no conscience: it signs what it is told to, twice too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jiaozi.central_bank.registry.device_store import load_devices, load_tip
from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.rulebook.load import read_rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.certificate import Device, Profile, PurseLimits, certify_device
from jiaozi.protocol.offline.messages import Payment, sign_payment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import Wallet
from tests.registry.network import OPERATORS, START_MS, UNLIMITED_FILE, key
from tests.registry.world import RegistryWorld

CAP_FEN = 100_000
GUARANTEE_FEN = 1_000_000
CLAIM_WAIT_S = 3_600
LIMITS = PurseLimits(
    payment_fen=50_000, balance_fen=CAP_FEN, out_fen=200_000, out_count=100, in_fen=200_000,
    in_count=100, days=30, hops=3,
)  # fmt: skip
"""Of a certificate unless a test says otherwise, and what the rulebook `OFFLINE` allows a card."""
OFFLINE_FILE = (
    UNLIMITED_FILE.replace(b'"unlimited"', b'"offline"')
    + b"[offline]\nguarantee_permille = 100\nclaim_wait_s = %d\n[offline.card]\n" % CLAIM_WAIT_S
    + b"".join(b"%s = %d\n" % (each.encode(), getattr(LIMITS, each)) for each in LIMITS.__slots__)
)
OFFLINE = read_rulebook(OFFLINE_FILE)
"""No caps of wallets; cards, of which a tenth is guaranteed."""


@dataclass(slots=True)
class Purse:
    """A device's key, and where its counter stands."""

    signer: Ed25519Signer
    operator: int
    wallet: Wallet | None = None
    counter: int = 0

    @property
    def key(self) -> bytes:
        """Its public key."""
        return self.signer.public_key


@dataclass(slots=True)
class OfflineDesk:
    """Makes orders about devices; see the module."""

    world: RegistryWorld
    purses: list[Purse] = field(default_factory=list)

    async def prepare(self, *, guarantee_fen: int = GUARANTEE_FEN) -> None:
        """Give every operator money, and a guarantee out of it."""
        for operator in OPERATORS:
            await self.world.provide(operator, 10**9)
            if guarantee_fen:
                order = self.fund_guarantee(operator, guarantee_fen)
                await self.world.settle(order, operator=operator)

    async def enrolled(
        self,
        label: str,
        operator: int = OPERATORS[0],
        *,
        wallet: Wallet | None = None,
        load_fen: int = 0,
        **terms: object,
    ) -> Purse:
        """Enrol a device, and load it from its wallet."""
        purse = self.purse(label, operator, wallet)
        await self.world.settle(self.enrol(purse, **terms), operator=purse.operator)
        if load_fen:
            assert wallet is not None, "only a wallet loads"
            await self.world.settle(self.load(purse, load_fen, 1), operator=wallet.operator)
        return purse

    def purse(
        self, label: str, operator: int = OPERATORS[0], wallet: Wallet | None = None
    ) -> Purse:
        """A device that nobody knows yet."""
        issuer = operator if wallet is None else wallet.operator
        signer = key(f"device {self.world.orders.series} {label}")
        self.purses.append(Purse(signer, issuer, wallet))
        return self.purses[-1]

    def certificate(
        self, purse: Purse, *, operator: int | None = None, certifier: int | None = None,
        limits: PurseLimits = LIMITS, profile: Profile = Profile.CARD, generation: int = 1,
        not_before_ms: int = START_MS - DAY_MS, not_after_ms: int = START_MS + 300 * DAY_MS,
        signer: Ed25519Signer | None = None,
    ) -> bytes:  # fmt: skip
        """A device certificate by an operator's certify key."""
        issuer = purse.operator if operator is None else operator
        device = Device(
            operator=issuer, suite=-8, key=purse.key, profile=profile, generation=generation,
            not_before_ms=not_before_ms, not_after_ms=not_after_ms, limits=limits,
        )  # fmt: skip
        certify = self.world.keys.certify(issuer if certifier is None else certifier)
        return certify_device(device, signer or certify, self.world.network.id)

    def enrol(self, purse: Purse, *, by: int | None = None, **terms: object) -> bytes:
        """Enrols a device from its wallet, or anonymously."""
        wallet = None if purse.wallet is None else purse.wallet.number
        certificate = self.certificate(purse, **terms)  # type: ignore[arg-type]
        return self._by_operator(
            OrderType.ENROL, purse.operator if by is None else by, device_certificate=certificate,
            wallet=wallet,
        )  # fmt: skip

    def take_up(self, purse: Purse, *, by: int = OPERATORS[0], **terms: object) -> bytes:
        """Takes up a device that nobody enrolled, at any operator."""
        certificate = self.certificate(purse, **terms)  # type: ignore[arg-type]
        return self._by_operator(OrderType.TAKE_UP, by, device_certificate=certificate)

    def load(
        self, purse: Purse, amount_fen: int, number: int, *, wallet: Wallet | None = None,
        signers: Sequence[Ed25519Signer] = (),
    ) -> bytes:  # fmt: skip
        """Loads a device from its wallet, or from another."""
        payer = wallet or purse.wallet
        assert payer is not None, "only a wallet loads"
        orders = self.world.orders
        legs = [orders.leg(payer.number, numbers.OFFLINE, amount_fen)]
        return orders.sign(
            orders.head(OrderType.LOAD), [payer.signer, *signers], legs, device=purse.key,
            load=number,
        )  # fmt: skip

    def pay(
        self, payer: Purse, payee: Purse | Wallet, amount_fen: int, *, counter: int | None = None,
        position: int | None = None, salt: int = 0, signer: Ed25519Signer | None = None,
    ) -> bytes:  # fmt: skip
        """What a device says when it pays; a counter given twice is a fraud."""
        if counter is None:
            counter = payer.counter = payer.counter + 1
        to_device = isinstance(payee, Purse)
        payment = Payment(
            counter=counter,
            position=2 * counter if position is None else position,
            previous=bytes(32),
            amount_fen=amount_fen,
            hop=1,
            balance_after=salt.to_bytes(32, "big"),
            list_number=0,
            payee=payee.key if isinstance(payee, Purse) else None,
            challenge=bytes(16) if to_device else None,
            wallet=None if isinstance(payee, Purse) else payee.number,
        )
        return sign_payment(payment, signer or payer.signer, self.world.network.id)

    def settle(self, payment: bytes, *, by: int = OPERATORS[0]) -> bytes:
        """Hands in a payment, at any operator."""
        return self._by_operator(OrderType.SETTLE_OFFLINE, by, payment=payment)

    def unload(
        self, payment: bytes, wallet: Wallet, amount_fen: int, *, by: int | None = None
    ) -> bytes:
        """Pays a device's payment out to a wallet."""
        legs = [self.world.orders.leg(numbers.OFFLINE, wallet.number, amount_fen)]
        operator = wallet.operator if by is None else by
        return self._by_operator(OrderType.UNLOAD, operator, legs, payment=payment)

    def revoke(self, purse: Purse, *, by: int | None = None) -> bytes:
        """Revokes a lost device."""
        operator = purse.operator if by is None else by
        return self._by_operator(OrderType.REVOKE_DEVICE, operator, device=purse.key)

    def claim(self, purse: Purse, wallet: Wallet, amount_fen: int) -> bytes:
        """Claims what a lost device held."""
        orders = self.world.orders
        signers = [wallet.signer, self.world.keys.certify(wallet.operator)]
        legs = [orders.leg(numbers.OFFLINE, wallet.number, amount_fen)]
        head = orders.head(OrderType.CLAIM)
        return orders.sign(head, signers, legs, number=wallet.number, device=purse.key)

    def fund_guarantee(self, operator: int, amount_fen: int) -> bytes:
        """Sets aside money of an operator's vault."""
        ends = numbers.vault_of(operator), numbers.guarantee_of(operator)
        return self._by_vault(OrderType.FUND_GUARANTEE, operator, ends, amount_fen)

    def release_guarantee(self, operator: int, amount_fen: int) -> bytes:
        """Takes money back into an operator's vault."""
        ends = numbers.guarantee_of(operator), numbers.vault_of(operator)
        return self._by_vault(OrderType.RELEASE_GUARANTEE, operator, ends, amount_fen)

    def oldest_generation(self, generation: int) -> bytes:
        """Accepts no older generation."""
        return self.world.orders.by_officers(OrderType.OLDEST_GENERATION, generation=generation)

    def convict(self, purse: Purse, proof: bytes = bytes(32)) -> bytes:
        """Convicts a device by the hash of a proof."""
        return self.world.orders.by_officers(OrderType.CONVICT, device=purse.key, proof=proof)

    def write_off(self, purse: Purse) -> bytes:
        """Covers what a device lacks without a proof."""
        return self.world.orders.by_officers(OrderType.WRITE_OFF, device=purse.key)

    async def row(self, purse: Purse) -> Enrolled:
        """What the registry knows of a device."""
        async with self.world.database.connection() as connection:
            return (await load_devices(connection, [purse.key]))[purse.key]

    async def shadow_fen(self, purse: Purse) -> int:
        """The shadow balance of a device."""
        return (await self.row(purse)).shadow_fen

    async def list_number(self) -> int:
        """The number of the revocation list."""
        async with self.world.database.connection() as connection:
            return (await load_tip(connection)).number

    async def guarantee_fen(self, operator: int = OPERATORS[0]) -> int:
        """What an operator's guarantee holds."""
        return (await self.world.account(numbers.guarantee_of(operator))).balance_fen

    def _by_operator(
        self, order_type: OrderType, operator: int, legs: Sequence[object] = (),
        **body: int | bytes | None,
    ) -> bytes:  # fmt: skip
        orders = self.world.orders
        signer = self.world.keys.certify(operator)
        return orders.sign(orders.head(order_type), [signer], legs, **body)  # type: ignore[arg-type]

    def _by_vault(
        self, order_type: OrderType, operator: int, ends: tuple[int, int], amount_fen: int
    ) -> bytes:
        orders = self.world.orders
        legs = [orders.leg(*ends, amount_fen)]
        return orders.sign(orders.head(order_type), [self.world.keys.vault(operator)], legs)
