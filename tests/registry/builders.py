"""A whole registry for a test: a network with all its keys, a clock, a writer on a real database.

::

    async with registry_world(database_dsn) as world:
        await world.provide(1001, 1_000_00)                  # reserve funded, money issued
        payer = await world.open_wallet(1001, balance_fen=50_00)
        payee = await world.open_wallet(1002)
        answer = await world.pay(payer, payee, 20_00)        # an Answer

`world.orders` signs orders without sending them; `world.submit` sends any bytes and returns the
answers; `world.settle` sends orders that must settle. Nothing in it is random or depends on the
time of day: the same calls give the same bytes. Tests that share a database take a `series` each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.found import found
from jiaozi.central_bank.registry.intake import Intake
from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.store import load_accounts
from jiaozi.central_bank.registry.verifiers import Verifiers
from jiaozi.central_bank.registry.writer import InvariantBroken, Writer
from jiaozi.central_bank.rulebook.load import read_rulebook
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Genesis, Network, read_genesis, sign_genesis
from jiaozi.protocol.ids import DAY_MS, OrderId, new_order_id
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import ORDER_TYPES, Holder, OrderType
from jiaozi.protocol.orders import Leg, OrderHead, sign_order
from jiaozi.protocol.refusals import SETTLED
from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.storage.database import Database

START_MS = 1_780_000_000_000
"""29 May 2026, 04:26:40 in UTC+8."""
LIFETIME_MS = 3_600_000
QUOTA_FEN = 10**15
OPERATORS = (1001, 1002)
_SERIES_WALLETS = 100_000
NO_IDLE_BLOCKS_S = 3600.0
"""So that a test knows which order stands at which height."""

UNLIMITED_FILE = b'name = "unlimited"\n' + b"".join(
    b"[%s.%d]\n" % (holder.name.lower().encode(), each) for holder in Holder for each in range(1, 5)
)
UNLIMITED = read_rulebook(UNLIMITED_FILE)
"""Four classes of persons and four of companies, without caps."""


def key(label: str) -> Ed25519Signer:
    """The key pair that goes by a label."""
    return Ed25519Signer(sha256(label.encode()).digest())


@dataclass(slots=True)
class Clock:
    """The registry's clock, moved by the test."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, milliseconds: int) -> None:
        """Let time go by."""
        self.now_ms += milliseconds


class Keys:
    """Every private key of a network but the wallets'."""

    def __init__(self, officers: int = 3) -> None:
        self.root = key("root")
        self.block = key("block")
        self.auditor = key("auditor")
        self.officers = tuple(key(f"officer {number}") for number in range(1, officers + 1))

    def certify(self, operator: int) -> Ed25519Signer:
        """The key with which an operator opens wallets and gives a second factor."""
        return key(f"certify {operator}")

    def vault(self, operator: int) -> Ed25519Signer:
        """The key that spends an operator's vault."""
        return key(f"vault {operator}")

    def transport(self, operator: int) -> Ed25519Signer:
        """The key that signs an operator's requests."""
        return key(f"transport {operator}")

    def operator_officers(self, operator: int) -> tuple[Ed25519Signer, Ed25519Signer]:
        """Two officers of an operator; a test certifies them where it needs them."""
        return key(f"operator officer 1 of {operator}"), key(f"operator officer 2 of {operator}")


def certified(
    use: Use,
    signer: Signer,
    operator: int = 0,
    *,
    person: bytes | None = None,
    not_before_ms: int = 0,
    not_after_ms: int = START_MS + 3650 * DAY_MS,
) -> Certified:
    """What a certificate for a key says; valid for ten years unless a test says otherwise."""
    return Certified(
        use=use,
        operator=operator,
        suite=signer.suite,
        key=signer.public_key,
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        person=person,
    )


def person(number: int) -> bytes:
    """The id of an officer as a person."""
    return bytes([number]) * 16


def make_genesis(
    keys: Keys,
    *,
    operators: Sequence[int] = OPERATORS,
    rulebook: Rulebook = UNLIMITED,
    quota_fen: int = QUOTA_FEN,
    created_ms: int = START_MS - 1000,
) -> bytes:
    """A genesis with these operators and all officers of `keys`."""
    listed = [
        certified(Use.REGISTRY_BLOCK, keys.block),
        certified(Use.AUDITOR, keys.auditor),
        *(
            certified(Use.OFFICER, officer, person=person(number))
            for number, officer in enumerate(keys.officers, 1)
        ),
    ]
    for operator in operators:
        listed += [
            certified(Use.OPERATOR_CERTIFY, keys.certify(operator), operator),
            certified(Use.OPERATOR_VAULT, keys.vault(operator), operator),
            certified(Use.OPERATOR_TRANSPORT, keys.transport(operator), operator),
        ]
    return sign_genesis(
        Genesis(
            name="test",
            created_ms=created_ms,
            rulebook_hash=rulebook.hash,
            keys=tuple(listed),
            quotas_fen=dict.fromkeys(operators, quota_fen),
        ),
        keys.root,
    )


@dataclass(frozen=True, slots=True)
class Wallet:
    """A holder's wallet and its key."""

    number: AccountNumber
    signer: Ed25519Signer
    group: bytes

    @property
    def operator(self) -> int:
        """The operator whose prefix the number bears."""
        return int(numbers.operator_of(self.number))


def new_wallet(operator: int, serial: int) -> Wallet:
    """The wallet that goes by an operator and a serial, opened or not."""
    number = numbers.account_number(operator, numbers.WALLET_SERIAL_MIN + serial)
    return Wallet(number, key(f"wallet {number}"), sha256(b"group %d" % number).digest()[:16])


@dataclass(slots=True)
class Orders:
    """Signs orders of every type; each call takes a fresh id at the time of the clock."""

    keys: Keys
    network: NetworkId
    now_ms: Callable[[], int]
    series: int = 0
    _count: int = 0

    def new_id(self) -> OrderId:
        """A fresh order id."""
        return new_order_id(self.now_ms(), self._fresh(10))

    def head(self, order_type: OrderType, **fields: int | bytes | None) -> OrderHead:
        """An order's head with a fresh id, alive for an hour unless `fields` say otherwise."""
        default: dict[str, int | bytes] = {
            "id": self.new_id(),
            "expires_ms": self.now_ms() + LIFETIME_MS,
        }
        if ORDER_TYPES[order_type].needs_reference:
            default["reference"] = self._fresh(32)
        return OrderHead(type=order_type, **{**default, **fields})  # type: ignore[arg-type]

    def leg(self, debit: int, credit: int, amount_fen: int) -> Leg:
        """A leg with a fresh salt."""
        return Leg(AccountNumber(debit), AccountNumber(credit), amount_fen, self._fresh(16))

    def sign(
        self,
        head: OrderHead,
        signers: Sequence[Ed25519Signer],
        legs: Sequence[Leg] = (),
        **body: int | bytes | None,
    ) -> bytes:
        """Any order, signed by anyone."""
        return sign_order(head, signers, self.network, legs=legs, **body)

    def open_account(self, wallet: Wallet, **body: int | bytes | None) -> bytes:
        """Opens a wallet of class II; `body` may set another, limits, a parent, a second factor."""
        fields: dict[str, int | bytes | None] = {
            "number": wallet.number,
            "suite": wallet.signer.suite,
            "key": wallet.signer.public_key,
            "wallet_class": 2,
            "holder": Holder.PERSONAL,
            "group": wallet.group,
            **body,
        }
        signer = self.keys.certify(wallet.operator)
        return self.sign(self.head(OrderType.OPEN_ACCOUNT), [signer], (), **fields)

    def payment(self, payer: Wallet, payee: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Pays from one wallet to another."""
        legs = [self.leg(payer.number, payee.number, amount_fen)]
        return self.sign(self.head(OrderType.PAYMENT, **head), [payer.signer], legs)

    def redeem(self, wallet: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Gives money back to the wallet's operator."""
        legs = [self.leg(wallet.number, numbers.vault_of(wallet.operator), amount_fen)]
        return self.sign(self.head(OrderType.REDEEM, **head), [wallet.signer], legs)

    def exchange(self, wallet: Wallet, amount_fen: int, **head: int | bytes) -> bytes:
        """Gives digital yuan for a deposit."""
        legs = [self.leg(numbers.vault_of(wallet.operator), wallet.number, amount_fen)]
        signer = self.keys.vault(wallet.operator)
        return self.sign(self.head(OrderType.EXCHANGE, **head), [signer], legs)

    def issue(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Issues against an operator's reserve, under two officers."""
        legs = [self.leg(numbers.ISSUANCE, numbers.vault_of(operator), amount_fen)]
        signers = [self.keys.vault(operator), *self.keys.officers[:2]]
        return self.sign(self.head(OrderType.ISSUE, **head), signers, legs)

    def destroy(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Destroys from an operator's vault, under two officers."""
        legs = [self.leg(numbers.vault_of(operator), numbers.ISSUANCE, amount_fen)]
        signers = [self.keys.vault(operator), *self.keys.officers[:2]]
        return self.sign(self.head(OrderType.DESTROY, **head), signers, legs)

    def fund_reserve(self, operator: int, amount_fen: int, **head: int | bytes) -> bytes:
        """Funds an operator's reserve, under two officers."""
        legs = [self.leg(numbers.SETTLEMENT, numbers.reserve_of(operator), amount_fen)]
        return self.sign(self.head(OrderType.FUND_RESERVE, **head), self.keys.officers[:2], legs)

    def quota(self, operator: int, quota_fen: int) -> bytes:
        """Sets the quota of an operator's vault."""
        return self._by_officers(OrderType.QUOTA, operator=operator, quota_fen=quota_fen)

    def rulebook(self, rulebook_hash: bytes, starts_at_ms: int) -> bytes:
        """Puts a rulebook in force from a time on."""
        return self._by_officers(
            OrderType.RULEBOOK, rulebook_hash=rulebook_hash, starts_at_ms=starts_at_ms
        )

    def certify(self, what: Certified) -> bytes:
        """Makes a key known, by a certificate of the root."""
        certificate = certify(what, self.keys.root, self.network)
        return self._by_officers(OrderType.CERTIFY, certificate=certificate)

    def revoke(self, public_key: bytes) -> bytes:
        """Revokes a key."""
        return self._by_officers(OrderType.REVOKE, key=public_key)

    def by_holder(
        self,
        order_type: OrderType,
        wallet: Wallet,
        *,
        countersigned_by: int | None = None,
        **body: int | bytes | None,
    ) -> bytes:
        """An order about a wallet that its holder signs, and its operator where it is named."""
        signers = [wallet.signer]
        if countersigned_by is not None:
            signers.append(self.keys.certify(countersigned_by))
        return self.sign(self.head(order_type), signers, (), number=wallet.number, **body)

    def by_operator(
        self,
        order_type: OrderType,
        wallet: Wallet,
        *others: Ed25519Signer,
        operator: int | None = None,
        **body: int | bytes | None,
    ) -> bytes:
        """An order about a wallet that its operator signs, and others where they are named."""
        signer = self.keys.certify(operator or wallet.operator)
        return self.sign(self.head(order_type), [signer, *others], (), number=wallet.number, **body)

    def by_officers(self, order_type: OrderType, **body: int | bytes | None) -> bytes:
        """An order of two officers of the central bank."""
        return self._by_officers(order_type, **body)

    def pay_by_mandate(
        self, payer: Wallet, payee: Wallet, amount_fen: int, mandate: bytes, signer: Ed25519Signer
    ) -> bytes:
        """Pays from a wallet with a mandate's key."""
        legs = [self.leg(payer.number, payee.number, amount_fen)]
        return self.sign(self.head(OrderType.MANDATE_PAYMENT), [signer], legs, mandate=mandate)

    def _by_officers(self, order_type: OrderType, **body: int | bytes | None) -> bytes:
        return self.sign(self.head(order_type), self.keys.officers[:2], (), **body)

    def _fresh(self, length: int) -> bytes:
        self._count += 1
        return sha256(b"fresh %d %d" % (self.series, self._count)).digest()[:length]


@dataclass(slots=True)
class RegistryWorld:
    """A running registry with everything that a test needs to use it; see `registry_world`."""

    dsn: str
    database: Database
    keys: Keys
    clock: Clock
    genesis: bytes
    network: Network
    writer: Writer
    intake: Intake
    orders: Orders
    running: "asyncio.Task[None]"
    genesis_control: Control
    idle_block_s: float
    block_signers: BlockSigners
    wallets: list[Wallet] = field(default_factory=list)

    @property
    def control(self) -> Control:
        """The control state after the last block."""
        return self.writer.control

    @property
    def height(self) -> int:
        """The height of the last block."""
        return self.writer.tip.height

    def transport(self, operator: int) -> Certified:
        """The certified key with which an operator brings orders."""
        return self.control.keys[self.keys.transport(operator).public_key].certified

    async def restart(self) -> None:
        """Let the writer end as in a shutdown, and another one take over."""
        await _end(self.running)
        self.writer, self.running = await _lead(
            self.database, self.genesis_control, self.clock, self.idle_block_s, self.block_signers
        )
        self.intake = Intake(self.writer, Verifiers(0), self.network.id)

    async def submit(self, *submissions: bytes, operator: int = OPERATORS[0]) -> list[Answer]:
        """Send orders as one request of an operator and return the answers."""
        return await self.intake.take(b"".join(submissions), self.transport(operator))

    async def settle(self, *submissions: bytes, operator: int = OPERATORS[0]) -> list[Answer]:
        """Send orders that must all settle."""
        answers = await self.submit(*submissions, operator=operator)
        assert all(each.outcome == SETTLED for each in answers), answers
        return answers

    async def provide(self, operator: int, amount_fen: int) -> None:
        """Fund an operator's reserve and issue as much into its vault."""
        await self.fund_reserve(operator, amount_fen)
        await self.issue(operator, amount_fen)

    async def fund_reserve(self, operator: int, amount_fen: int) -> Answer:
        """Fund an operator's reserve."""
        return (await self.settle(self.orders.fund_reserve(operator, amount_fen)))[0]

    async def issue(self, operator: int, amount_fen: int) -> Answer:
        """Issue into an operator's vault."""
        return (await self.settle(self.orders.issue(operator, amount_fen)))[0]

    async def destroy(self, operator: int, amount_fen: int) -> Answer:
        """Destroy from an operator's vault."""
        return (await self.settle(self.orders.destroy(operator, amount_fen)))[0]

    async def open_wallet(
        self, operator: int = OPERATORS[0], *, balance_fen: int = 0, **body: int | bytes | None
    ) -> Wallet:
        """Open a wallet of class II, and exchange a balance into it."""
        return (await self.open_wallets(1, operator, balance_fen=balance_fen, **body))[0]

    async def open_wallets(
        self,
        count: int,
        operator: int = OPERATORS[0],
        *,
        balance_fen: int = 0,
        **body: int | bytes | None,
    ) -> list[Wallet]:
        """Open wallets in one block, and exchange a balance into each in a second one."""
        first = self.orders.series * _SERIES_WALLETS + len(self.wallets)
        opened = [new_wallet(operator, serial) for serial in range(first, first + count)]
        self.wallets += opened
        orders: Iterable[bytes] = (self.orders.open_account(each, **body) for each in opened)
        await self.settle(*orders, operator=operator)
        if balance_fen:
            orders = (self.orders.exchange(each, balance_fen) for each in opened)
            await self.settle(*orders, operator=operator)
        return opened

    async def exchange(self, wallet: Wallet, amount_fen: int) -> Answer:
        """Exchange into a wallet."""
        order = self.orders.exchange(wallet, amount_fen)
        return (await self.settle(order, operator=wallet.operator))[0]

    async def pay(self, payer: Wallet, payee: Wallet, amount_fen: int) -> Answer:
        """Pay; the answer may be a refusal."""
        order = self.orders.payment(payer, payee, amount_fen)
        return (await self.submit(order, operator=payer.operator))[0]

    async def redeem(self, wallet: Wallet, amount_fen: int) -> Answer:
        """Redeem; the answer may be a refusal."""
        order = self.orders.redeem(wallet, amount_fen)
        return (await self.submit(order, operator=wallet.operator))[0]

    async def account(self, number: int) -> Account:
        """Load an account."""
        async with self.database.connection() as connection:
            return (await load_accounts(connection, [number]))[number]

    async def balance_fen(self, wallet: Wallet) -> int:
        """Load the balance of a wallet."""
        return (await self.account(wallet.number)).balance_fen


@asynccontextmanager
async def registry_world(
    dsn: str,
    *,
    operators: Sequence[int] = OPERATORS,
    rulebooks: Sequence[Rulebook] = (UNLIMITED,),
    quota_fen: int = QUOTA_FEN,
    officers: int = 3,
    series: int = 0,
    idle_block_s: float = NO_IDLE_BLOCKS_S,
    block_signers: BlockSigners | None = None,
) -> AsyncIterator[RegistryWorld]:
    """Run a registry, founded in an empty database; the first rulebook is in force."""
    keys, clock = Keys(officers), Clock()
    genesis = make_genesis(keys, operators=operators, rulebook=rulebooks[0], quota_fen=quota_fen)
    library: Mapping[bytes, Rulebook] = {each.hash: each for each in rulebooks}
    network = read_genesis(genesis)
    async with await Database.open(dsn, pool_size=4) as database:
        signers = block_signers or BlockSigners([keys.block])
        control = await found(database, genesis, block_signers=signers, library=library)
        writer, running = await _lead(database, control, clock, idle_block_s, signers)
        clock.now_ms = max(clock.now_ms, writer.tip.time_ms)
        world = RegistryWorld(
            dsn=dsn,
            database=database,
            keys=keys,
            clock=clock,
            genesis=genesis,
            network=network,
            writer=writer,
            intake=Intake(writer, Verifiers(0), network.id),
            orders=Orders(keys, network.id, clock, series),
            running=running,
            genesis_control=control,
            idle_block_s=idle_block_s,
            block_signers=signers,
        )
        try:
            yield world
        finally:
            await _end(world.running)


async def _lead(
    database: Database,
    control: Control,
    clock: Clock,
    idle_block_s: float,
    block_signers: BlockSigners,
) -> tuple[Writer, "asyncio.Task[None]"]:
    writer = Writer(
        database,
        genesis=control,
        block_signers=block_signers,
        clock_ms=clock,
        idle_block_s=idle_block_s,
    )
    running = asyncio.create_task(writer.run())
    while not writer.leads:
        assert not running.done(), running.exception()
        await asyncio.sleep(0.002)
    return writer, running


async def _end(running: "asyncio.Task[None]") -> None:
    running.cancel()
    with suppress(asyncio.CancelledError, InvariantBroken):
        await running
