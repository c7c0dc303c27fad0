"""Parties, orders and proofs with visible defaults, the same in every run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cbor2

from jiaozi.protocol import blocks, cose, feed, merkle, numbers
from jiaozi.protocol.blocks import Header, SignedHeader
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.cose import SIGNERS_MAX
from jiaozi.protocol.daily_statement import DailyStatement, day_of
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.genesis import Genesis, sign_genesis
from jiaozi.protocol.ids import DAY_MS, OrderId, new_order_id
from jiaozi.protocol.offline.certificate import Device, Profile, PurseLimits, certify_device
from jiaozi.protocol.offline.messages import Payment, sign_payment
from jiaozi.protocol.order_types import LEGS_MAX, ORDER_TYPES, FieldKind, OrderType, Role
from jiaozi.protocol.orders import Leg, Order, OrderHead, leg_hash, parse, sign_order
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal
from jiaozi.protocol.suites import Ed25519Signer

NOW_MS = 1_790_000_000_000
NETWORK = NetworkId(bytes(range(32)))
ORDER_AAD = external_aad(Domain.ORDER, NETWORK)

OPERATOR, OTHER_OPERATOR = 1001, 1002


def seed_of(number: int) -> bytes:
    """The seed of the numbered key: 32 equal bytes."""
    return bytes([number]) * 32


def signer_of(number: int) -> Ed25519Signer:
    return Ed25519Signer(seed_of(number))


WALLET_SEED, OTHER_WALLET_SEED, VAULT_SEED, CERTIFY_SEED, OFFICER_SEED, OTHER_OFFICER_SEED = range(
    1, 7
)
BLOCK_SEED, ROOT_SEED, TRANSPORT_SEED, DEVICE_SEED, OTHER_DEVICE_SEED = range(7, 12)
BLOCK_SIGNER, ROOT = signer_of(BLOCK_SEED), signer_of(ROOT_SEED)

ALICE = numbers.account_number(OPERATOR, 5_000_000)
BOB = numbers.account_number(OTHER_OPERATOR, 6_000_000)
CAROL = numbers.account_number(OPERATOR, 7_000_000)


def order_id(time_ms: int = NOW_MS, serial: int = 1) -> OrderId:
    return new_order_id(time_ms, serial.to_bytes(10, "big"))


def leg(debit: int = ALICE, credit: int = BOB, amount: int = 12_345, salt: int = 1) -> Leg:
    return Leg(
        numbers.AccountNumber(debit),
        numbers.AccountNumber(credit),
        amount,
        salt.to_bytes(16, "big"),
    )


_VAULT = numbers.vault_of(OPERATOR)
ENDS = {
    OrderType.PAYMENT: (ALICE, BOB),
    OrderType.REDEEM: (ALICE, _VAULT),
    OrderType.EXCHANGE: (_VAULT, ALICE),
    OrderType.ISSUE: (numbers.ISSUANCE, _VAULT),
    OrderType.DESTROY: (_VAULT, numbers.ISSUANCE),
    OrderType.FUND_RESERVE: (numbers.SETTLEMENT, numbers.reserve_of(OPERATOR)),
    OrderType.MANDATE_PAYMENT: (ALICE, BOB),
    OrderType.SWEEP: (ALICE, _VAULT),
    OrderType.LOAD: (ALICE, numbers.OFFLINE),
    OrderType.UNLOAD: (numbers.OFFLINE, ALICE),
    OrderType.CLAIM: (numbers.OFFLINE, ALICE),
    OrderType.FUND_GUARANTEE: (_VAULT, numbers.guarantee_of(OPERATOR)),
    OrderType.RELEASE_GUARANTEE: (numbers.guarantee_of(OPERATOR), _VAULT),
}
SIGNERS = {
    Role.DEBITED: (WALLET_SEED,),
    Role.VAULT: (VAULT_SEED,),
    Role.CERTIFY: (CERTIFY_SEED,),
    Role.OFFICERS: (OFFICER_SEED, OTHER_OFFICER_SEED),
    Role.WALLET: (WALLET_SEED,),
    Role.OPERATOR_OFFICERS: (OFFICER_SEED, OTHER_OFFICER_SEED),
    Role.MANDATE: (OTHER_WALLET_SEED,),
    Role.BLOCK: (BLOCK_SEED,),
}
_VALUES: dict[FieldKind, int | bytes] = {
    FieldKind.UINT: 5_000,
    FieldKind.SUITE: -8,
    FieldKind.BYTES16: bytes(range(16)),
    FieldKind.BYTES32: bytes(range(32)),
    FieldKind.KEY: signer_of(OTHER_WALLET_SEED).public_key,
    FieldKind.OPERATOR: OPERATOR,
    FieldKind.WALLET_NUMBER: ALICE,
    FieldKind.HOLDER: 1,
    FieldKind.FREEZE_SCOPE: 3,
    FieldKind.HALT_SCOPE: 2,
    FieldKind.FLAG: 1,
}


def certified(
    use: Use = Use.OPERATOR_VAULT,
    operator: int = OPERATOR,
    seed: int = VAULT_SEED,
    person: bytes | None = None,
) -> Certified:
    return Certified(
        use=use,
        operator=operator,
        suite=-8,
        key=signer_of(seed).public_key,
        not_before_ms=NOW_MS,
        not_after_ms=NOW_MS + 365 * DAY_MS,
        person=person,
    )


def device_bytes() -> bytes:
    """A device certificate by the operator's certify key."""
    device = Device(
        operator=OPERATOR, suite=-8, key=signer_of(DEVICE_SEED).public_key, profile=Profile.CARD,
        generation=1, not_before_ms=NOW_MS, not_after_ms=NOW_MS + 365 * DAY_MS,
        limits=PurseLimits(
            payment_fen=50_000, balance_fen=100_000, out_fen=100_000, out_count=50,
            in_fen=100_000, in_count=50, days=30, hops=3,
        ),
    )  # fmt: skip
    return certify_device(device, signer_of(CERTIFY_SEED), NETWORK)


def offline_payment_bytes(*, wallet: int | None = None, payee: bytes = b"") -> bytes:
    """A payment by one device to another, or to a wallet."""
    payment = Payment(
        counter=7, position=9, previous=bytes(range(32)), amount_fen=12_345, hop=1,
        balance_after=bytes(range(32)), list_number=3, wallet=wallet,
        payee=None if wallet else payee or signer_of(OTHER_DEVICE_SEED).public_key,
        challenge=None if wallet else bytes(range(16)),
    )  # fmt: skip
    return sign_payment(payment, signer_of(DEVICE_SEED), NETWORK)


def body_of(order_type: OrderType) -> dict[str, int | bytes]:
    """A body that an order of this type may have, with every optional field."""
    match order_type:
        case OrderType.OPEN_ACCOUNT:
            return {
                "number": CAROL, "suite": -8, "key": signer_of(WALLET_SEED).public_key,
                "wallet_class": 4, "holder": 1, "group": bytes(range(16)), "parent": ALICE,
                "balance_cap_fen": 1_000_000, "single_limit_fen": 0, "day_limit_fen": 500_000,
                "year_limit_fen": 5_000_000, "second_factor_above_fen": 100_000,
            }  # fmt: skip
        case OrderType.RULEBOOK:
            return {"rulebook_hash": bytes(range(32)), "starts_at_ms": NOW_MS + DAY_MS}
        case OrderType.QUOTA:
            return {"operator": OPERATOR, "quota_fen": 10**12}
        case OrderType.CERTIFY:
            return {"certificate": certify(certified(), ROOT, NETWORK)}
        case OrderType.ENROL:
            return {"device_certificate": device_bytes(), "wallet": ALICE}
        case OrderType.TAKE_UP:
            return {"device_certificate": device_bytes()}
        case OrderType.SETTLE_OFFLINE:
            return {"payment": offline_payment_bytes()}
        case OrderType.UNLOAD:
            return {"payment": offline_payment_bytes(wallet=ALICE)}
        case OrderType.REVOKE:
            return {"key": signer_of(VAULT_SEED).public_key}
        case _:
            return {each.name: _VALUES[each.kind] for each in ORDER_TYPES[order_type].body}


def seeds_of(order_type: OrderType) -> tuple[int, ...]:
    """The seeds of those who sign this type, as the order table has them."""
    return tuple(seed for role in ORDER_TYPES[order_type].signers for seed in SIGNERS[role])


def submission_of(
    order_type: OrderType = OrderType.PAYMENT,
    *,
    seeds: Sequence[int] | None = None,
    legs: Sequence[Leg] | None = None,
    expires_ms: int = NOW_MS + DAY_MS,
    network: NetworkId = NETWORK,
    **head: object,
) -> bytes:
    """A good order of any type, unless something is changed."""
    if legs is None:
        legs = [leg(*ENDS[order_type])] if order_type in ENDS else []
    fields: dict[str, object] = {"id": order_id(), "type": order_type, "expires_ms": expires_ms}
    if ORDER_TYPES[order_type].needs_reference:
        fields["reference"] = b"\x07" * 32
    return sign_order(
        OrderHead(**fields | head),
        [signer_of(each) for each in (seeds_of(order_type) if seeds is None else seeds)],
        network,
        legs=legs,
        **body_of(order_type),
    )


def largest_payment() -> bytes:
    """Sixteen owners and four second factors, every field, amounts of eight bytes."""
    owners = [numbers.account_number(OPERATOR, 5_000_000 + n) for n in range(LEGS_MAX)]
    legs = [leg(owner, amount=2**58, salt=n) for n, owner in enumerate(owners)]
    seeds = range(1, SIGNERS_MAX + 1)
    return submission_of(legs=legs, seeds=seeds, reference=bytes(32), link=bytes(32))


@dataclass(frozen=True)
class Block:
    """A block of some orders with one operator's feed entry for each."""

    orders: tuple[Order, ...]
    outcomes: tuple[Outcome, ...]
    signed: SignedHeader
    body: bytes
    head: feed.Head

    @property
    def leaves(self) -> list[bytes]:
        return [
            blocks.leaf(order.cose, blocks.encode_outcome(outcome))
            for order, outcome in zip(self.orders, self.outcomes, strict=True)
        ]

    @property
    def items(self) -> list[blocks.BlockItem]:
        return list(blocks.read_body(self.body, len(self.orders)))

    def receipt(self, position: int = 0, hidden: Sequence[int] = ()) -> bytes:
        """The receipt of an order without the legs that are hidden."""
        item = self.items[position]
        legs = [None if i in hidden else each for i, each in enumerate(item.legs)]
        path = merkle.inclusion_proof(self.leaves, position)
        return encode_receipt(item, legs, position, path, self.signed.encoded)

    def feed_block(self, before: feed.Head = feed.START) -> bytes:
        """The feed block that shows every order with its first leg."""
        return feed.encode_block(self.signed.encoded, before.sequence + 1, self.entries, (0, 1, []))

    @property
    def entries(self) -> list[feed.Entry]:
        return [
            feed.Entry(position, item.cose, first_leg_of(item.legs), item.outcome, None)
            for position, item in enumerate(self.items)
        ]


def first_leg_of(legs: list[bytes]) -> list[bytes | None]:
    return [*legs[:1], *(None for _ in legs[1:])]


def block_of(
    submissions: Sequence[bytes],
    outcomes: Sequence[Outcome] | None = None,
    *,
    height: int = 3,
    time_ms: int = NOW_MS,
    before: feed.Head = feed.START,
) -> Block:
    """A signed block; the one feed in its tree is `OPERATOR`'s."""
    orders = tuple(map(parse, submissions))
    outcomes = tuple(outcomes or [SETTLED] * len(orders))
    encoded = [blocks.encode_outcome(each) for each in outcomes]
    body = b"".join(a.encoded + b for a, b in zip(orders, encoded, strict=True))
    leaves = [blocks.leaf(a.cose, b) for a, b in zip(orders, encoded, strict=True)]
    digests = [
        feed.digest(i, each, 1 if order.legs else 0, 0)
        for i, (each, order) in enumerate(zip(leaves, orders, strict=True))
    ]
    head = feed.advance(before, height, digests)
    header = Header(
        height=height, time_ms=time_ms, previous=bytes(range(32)),
        orders_root=merkle.root(leaves), count=len(orders), body_hash=blocks.body_hash(body),
        feeds_root=merkle.root([feed.head_leaf(OPERATOR, head)]), state=(1, bytes(32)),
    )  # fmt: skip
    return Block(orders, outcomes, blocks.sign_header(header, BLOCK_SIGNER, NETWORK), body, head)


STATEMENT = DailyStatement(
    operator=OPERATOR, day=day_of(NOW_MS), height=77, identity=b"\x07" * 32, made_ms=NOW_MS,
    opening_fen=500, issued_fen=1_000, destroyed_fen=30, exchanged_fen=400, redeemed_fen=150,
    set_aside_fen=90, released_fen=20, vault_fen=1_150, opening_reserve_fen=2_000, funded_fen=10,
    reserve_fen=1_040,
)  # fmt: skip


def header_of(
    height: int, previous: SignedHeader | None = None, *, time_ms: int = NOW_MS, root: int = 0
) -> SignedHeader:
    """A signed header of an empty block; `root` tells two of one height apart."""
    header = Header(
        height=height, time_ms=time_ms,
        previous=blocks.NO_PREVIOUS if previous is None else previous.identity,
        orders_root=bytes([root]) * 32, count=0, body_hash=bytes(32), feeds_root=bytes(32),
    )  # fmt: skip
    return blocks.sign_header(header, BLOCK_SIGNER, NETWORK)


def contradictory_headers() -> list[tuple[SignedHeader, SignedHeader]]:
    """Pairs that no one chain can hold, one of each kind."""
    one = header_of(5)
    earlier = header_of(6, one, time_ms=NOW_MS - 1)
    return [(one, header_of(5, root=1)), (one, header_of(6)), (one, earlier)]


def genesis_of(name: str = "Chengdu 1024") -> Genesis:
    return Genesis(
        name=name,
        created_ms=NOW_MS,
        rulebook_hash=bytes(range(32)),
        keys=(
            certified(Use.REGISTRY_BLOCK, 0, BLOCK_SEED),
            certified(Use.OFFICER, 0, OFFICER_SEED, bytes(15) + b"\x01"),
            certified(Use.OFFICER, 0, OTHER_OFFICER_SEED, bytes(15) + b"\x02"),
            certified(Use.OPERATOR_CERTIFY, OPERATOR, CERTIFY_SEED),
            certified(Use.OPERATOR_VAULT, OPERATOR, VAULT_SEED),
            certified(Use.OPERATOR_TRANSPORT, OPERATOR, TRANSPORT_SEED),
        ),
        quotas_fen={OPERATOR: 10**12, OTHER_OPERATOR: 0},
    )


def genesis_bytes() -> bytes:
    return sign_genesis(genesis_of(), ROOT)


def certificate_bytes() -> bytes:
    return certify(certified(), ROOT, NETWORK)


def resigned(payload: bytes, seed: int = WALLET_SEED, aad: bytes = ORDER_AAD) -> bytes:
    """A COSE_Sign1 over any payload: what a hostile but well-keyed sender can make."""
    return cose.sign1(payload, signer_of(seed), aad)


def refusal_of(read: Callable[[], object]) -> Refusal:
    """The refusal that a reader ends with; anything else fails the test."""
    try:
        value = read()
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"was taken: {value!r}")


def wrapped(message: bytes, legs: list[bytes]) -> bytes:
    """A submission of any message and any legs."""
    return cbor2.dumps([message, legs])


def with_raw_legs(raw: list[bytes], order_type: OrderType = OrderType.PAYMENT) -> bytes:
    """An order over legs as bytes, each with its right hash."""
    payload = {
        1: order_id(), 2: int(order_type), 4: NOW_MS + DAY_MS, 5: b"\x07" * 32,
        7: [*map(leg_hash, raw)],
    }  # fmt: skip
    if ORDER_TYPES[order_type].body:
        values = body_of(order_type)
        payload[8] = {each.key: values[each.name] for each in ORDER_TYPES[order_type].body}
    return wrapped(resigned(cbor2.dumps(payload)), raw)


def refused(data: bytes) -> tuple[Code, object]:
    """The code and the first field of the refusal of a submission."""
    refusal = refusal_of(lambda: parse(data))
    return refusal.code, next(iter(refusal.fields.values()), None)
