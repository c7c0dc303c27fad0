"""The one place where an operator's parts are put together."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources

import structlog

from jiaozi.operator.customers.deposit_phone import DepositPhone
from jiaozi.operator.customers.holder_name import HolderName
from jiaozi.operator.customers.model import SOURCE_CODES_PER_HOUR_MAX
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.request_code import RequestCode
from jiaozi.operator.customers.sms import NoSms, Sms
from jiaozi.operator.customers.verify import DocumentVerifier, NoVerification
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.deposits.model import CoreBanking, Deposit
from jiaozi.operator.exchange.exchange import ExchangeDeposit
from jiaozi.operator.exchange.redeem import RedeemToDeposit
from jiaozi.operator.exchange.store import ExchangeStore
from jiaozi.operator.gateway.batch import Batcher, BatchLimits
from jiaozi.operator.history.follow import FollowFeed
from jiaozi.operator.history.read import ReadHistory
from jiaozi.operator.history.verdict import FeedVerdict
from jiaozi.operator.identity import Identity, IdentityParts, identity_of
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.life.adopt import AdoptWallet
from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.life.freeze import FreezeWallet
from jiaozi.operator.life.rebind import RebindWallet
from jiaozi.operator.life.store import load_carriage
from jiaozi.operator.notices.listen import Notices
from jiaozi.operator.notices.streams import StreamLimits, Streams
from jiaozi.operator.privacy.export import ExportPerson
from jiaozi.operator.privacy.retention import DestroyAtTerm
from jiaozi.operator.privacy.upkeep import KeepPrivacy
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.operator.rates import OperatorLimits, OperatorRates
from jiaozi.operator.registry.client import ANSWER_TIMEOUT_S, RegistryClient
from jiaozi.operator.registry.join import Joined, join_network
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.resume import Resolver
from jiaozi.operator.rotate_keys import RotateKeys
from jiaozi.operator.screening.model import NoScreening, Screening
from jiaozi.operator.second_factor.check_pin import CheckPin
from jiaozi.operator.second_factor.countersign import Countersign
from jiaozi.operator.second_factor.set_pin import SetPin
from jiaozi.operator.second_factor.stretching import PIN_COST, PinStretching
from jiaozi.operator.sessions.log_in import LogIn, challenge_key
from jiaozi.operator.statements.catch_up import CatchUp
from jiaozi.operator.statements.issue import IssueStatement
from jiaozi.operator.wallets.attest import AttestWallet
from jiaozi.operator.wallets.open import OpenWallet
from jiaozi.operator.watch import RegistryWatch
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.keys import KdfCost
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate

DEFAULT_WALLET_ORIGIN = "https://a.wallet.localhost"

_log = structlog.get_logger("jiaozi.operator")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator at work: its use cases."""

    code: int
    demo: bool
    joined: Joined
    database: Database
    core: CoreBanking
    registry: RegistryClient
    rotate_keys: RotateKeys
    batcher: Batcher
    carriage: Carriage
    watch: RegistryWatch
    limits: OperatorLimits
    deposit_phone: DepositPhone
    request_code: RequestCode
    open_wallet: OpenWallet
    identity: Identity
    exchange: ExchangeDeposit
    redeem: RedeemToDeposit
    rebind: RebindWallet
    freeze: FreezeWallet
    adopt: AdoptWallet
    resolver: Resolver
    follow_feed: FollowFeed
    read_history: ReadHistory
    issue_statement: IssueStatement
    holder_name: HolderName
    attest_wallet: AttestWallet
    export_person: ExportPerson
    keep_privacy: KeepPrivacy
    set_pin: SetPin
    countersign: Countersign
    log_in: LogIn
    notices: Notices
    wallet_origin: str
    now_ms: Callable[[], int]

    async def deposits_of(self, wallet: int) -> list[Deposit]:
        """Return the deposit accounts of the phone that a wallet was opened by."""
        phone = await self.deposit_phone(wallet)
        return [] if phone is None else await self.core.accounts_of(phone)

    async def check_reachable(self) -> None:
        """Check that the database answers, and that the registry did when it was last asked.

        Raises:
            StorageUnavailable: The database does not.
            Refusal: ``unavailable``: the registry does not.
        """
        async with self.database.connection() as connection:
            await connection.execute("SELECT 1")
        if not self.registry.is_reachable:
            raise refuse(Code.UNAVAILABLE)


@asynccontextmanager
async def open_operator(settings: OperatorSettings) -> AsyncIterator[Operator]:
    """Open database and connections and yield the use cases; nothing runs by itself yet.

    Raises:
        StorageError: The database cannot be used.
        OtherNetwork: It belongs to another network than the registry.
        KeyStoreError: A key that records name is missing, or is another one.
    """
    async with await Database.open(
        settings.dsn,
        name=f"operator-{settings.code:04d}",
        pool_size=settings.database_connections_max,
        statement_timeout_ms=settings.statement_timeout_ms,
    ) as database:
        await migrate(database, resources.files("jiaozi.operator") / "migrations")
        wrapping = WrappingKeys(settings.keys.wrapping)
        async with database.connection() as connection:
            await wrapping.refresh(connection)
            carriage = await load_carriage(connection, settings.code)
        joined = await join_network(database, settings.registry_url, settings.network_id)
        async with RegistryClient(
            settings.registry_url,
            network=joined.network,
            signer=settings.keys.transport,
            now_ms=settings.now_ms,
            timeout_s=settings.registry_timeout_s,
        ) as registry:
            watch = await RegistryWatch.begin(
                database,
                registry,
                operator=settings.code,
                network=joined.network.id,
                peers=settings.peers,
                now_ms=settings.now_ms,
            )
            batcher = Batcher(registry.submit, settings.batch_limits)
            stretching = PinStretching(settings.keys.pepper, settings.pin_cost)
            try:
                yield _put_together(
                    settings,
                    joined,
                    database,
                    wrapping,
                    registry,
                    batcher,
                    carriage,
                    stretching,
                    watch,
                )
            finally:
                stretching.close()
                await batcher.close()


@asynccontextmanager
async def working(*tasks: Coroutine[None, None, None]) -> AsyncIterator[Callable[[], bool]]:
    """Run tasks in the background; yields a question whether all of them still do."""
    running = [asyncio.create_task(each) for each in tasks]
    for each in running:
        each.add_done_callback(_tell_end)
    try:
        yield lambda: not any(each.done() for each in running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.wait(running)


def _tell_end(task: asyncio.Task[None]) -> None:
    """Say why a task that should run for ever did not."""
    with contextlib.suppress(asyncio.CancelledError):
        error = task.exception()
        if error is not None:
            _log.error("background_task_ended", exc_info=error)


def _put_together(
    settings: OperatorSettings,
    joined: Joined,
    database: Database,
    wrapping: WrappingKeys,
    registry: RegistryClient,
    batcher: Batcher,
    carriage: Carriage,
    stretching: PinStretching,
    watch: RegistryWatch,
) -> Operator:
    keys, now_ms, network = settings.keys, settings.now_ms, joined.network
    privacy = Privacy(wrapping=wrapping, lookup_key=keys.lookup, now_ms=now_ms)
    core = settings.core or LedgerCore(database, privacy)
    store = ExchangeStore(database, settings.code)
    settle = SettleOrder(
        submit=batcher.submit,
        registry=registry,
        feed=FeedVerdict(database=database),
        now_ms=now_ms,
    )
    deposit_phone = DepositPhone(database=database, privacy=privacy)
    identity = identity_of(
        IdentityParts(
            code=settings.code,
            network=network.id,
            certify=keys.certify,
            database=database,
            privacy=privacy,
            screening=settings.screening,
            verifier=settings.verifier,
            deposit_phone=deposit_phone,
            core=core,
            settle=settle,
            now_ms=now_ms,
        )
    )
    exchange = ExchangeDeposit(
        operator=settings.code,
        network=network.id,
        store=store,
        core=core,
        settle=settle,
        vault=keys.vault,
        screen=identity.screen,
        now_ms=now_ms,
    )
    redeem = RedeemToDeposit(
        operator=settings.code,
        network=network.id,
        store=store,
        core=core,
        settle=settle,
        certify=keys.certify,
        now_ms=now_ms,
    )
    certifier = identity.open_wallet.certifier
    rebind = RebindWallet(
        database=database,
        privacy=privacy,
        prove_phone=identity.open_wallet.prove_phone,
        certifier=certifier,
        orders=identity.certify_orders,
        registry=registry,
        now_ms=now_ms,
    )
    check_pin = CheckPin(database=database, stretching=stretching, now_ms=now_ms)
    return Operator(
        code=settings.code,
        demo=settings.demo,
        joined=joined,
        database=database,
        core=core,
        registry=registry,
        rotate_keys=RotateKeys(
            operator=settings.code,
            keys=keys.rotating,
            certificates=registry.certificates,
            now_ms=now_ms,
        ),
        batcher=batcher,
        carriage=carriage,
        watch=watch,
        limits=OperatorLimits(settings.rates, demo=settings.demo),
        deposit_phone=deposit_phone,
        request_code=RequestCode(
            database=database,
            privacy=privacy,
            sms=_sms(settings),
            source_codes_max=None if settings.demo else settings.source_codes_max,
            now_ms=now_ms,
        ),
        open_wallet=identity.open_wallet,
        identity=identity,
        exchange=exchange,
        redeem=redeem,
        rebind=rebind,
        freeze=FreezeWallet(
            database=database,
            certifier=certifier,
            orders=identity.certify_orders,
            now_ms=now_ms,
        ),
        adopt=AdoptWallet(
            operator=settings.code,
            database=database,
            open_wallet=identity.open_wallet,
            registry=registry,
            now_ms=now_ms,
        ),
        resolver=Resolver(
            database=database,
            store=store,
            open_wallet=identity.open_wallet,
            certify_orders=identity.certify_orders,
            exchange=exchange,
            redeem=redeem,
            rebind=rebind,
            now_ms=now_ms,
        ),
        follow_feed=FollowFeed(
            carriage=carriage, network=network, database=database, registry=registry
        ),
        read_history=ReadHistory(database=database),
        issue_statement=IssueStatement(
            operator=settings.code,
            network=network.id,
            database=database,
            catch_up=CatchUp(database=database, registry=registry, now_ms=now_ms),
            certify=keys.certify,
            now_ms=now_ms,
        ),
        holder_name=HolderName(database=database, privacy=privacy, verifier=settings.verifier),
        attest_wallet=AttestWallet(
            operator=settings.code, network=network.id, certify=keys.certify, now_ms=now_ms
        ),
        export_person=ExportPerson(database=database, privacy=privacy, now_ms=now_ms),
        keep_privacy=KeepPrivacy(
            database=database,
            wrapping=wrapping,
            destroy_at_term=DestroyAtTerm(database=database, now_ms=now_ms),
        ),
        set_pin=SetPin(
            database=database, stretching=stretching, check_pin=check_pin, now_ms=now_ms
        ),
        countersign=Countersign(
            network=network.id,
            database=database,
            stretching=stretching,
            check_pin=check_pin,
            certify=keys.certify,
            now_ms=now_ms,
        ),
        log_in=LogIn(
            operator=settings.code,
            network=network.id,
            origin=settings.wallet_origin,
            database=database,
            key=challenge_key(keys.lookup),
            now_ms=now_ms,
        ),
        notices=Notices(database=database, streams=Streams(settings.stream_limits)),
        wallet_origin=settings.wallet_origin,
        now_ms=now_ms,
    )


def _sms(settings: OperatorSettings) -> Sms:
    if settings.sms is not None:
        return settings.sms
    if settings.demo:
        return NoSms()
    raise ValueError("outside demo mode an operator needs a way to send codes: an SMS gateway")
