"""One small network for the descriptions of both APIs: its genesis, a payment, the payment's block.

A device of the wallet's is there too: what it is certified with, loaded with, and hands in.

Everything is made from fixed keys, so it is the same in every process and every bit of it holds:
the receipt shown verifies against the genesis shown.
"""

from hashlib import sha256

from jiaozi.protocol import blocks, cbor, feed, merkle, numbers
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.daily_statement import DailyStatement, day_of, sign_statement
from jiaozi.protocol.genesis import Genesis, read_genesis, sign_genesis
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.issue_codes import CODE_LENGTH
from jiaozi.protocol.legs import Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.offline import loading, steps, synchronisation
from jiaozi.protocol.offline.certificate import (
    Anchor,
    Chain,
    Device,
    Profile,
    PurseLimits,
    certify_device,
)
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.operator_messages import Checkpoint, Load, sign_checkpoint, sign_load
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.offline.revocations import NO_ENTRIES, ListHead, sign_frame
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import SETTLED
from jiaozi.protocol.suites import Ed25519Signer, Suite

_MADE_MS = 1_790_000_000_000
_YEAR_MS = 31_536_000_000
_OPERATOR = 1001
_PAYER, _PAYEE = AccountNumber(1001_0001_2345_6785), AccountNumber(1002_0000_1000_0004)
_HOLDER = numbers.account_number(_OPERATOR, 12_345_678)
"""The device's wallet."""
_HEIGHT = 7


def _signer(name: str) -> Ed25519Signer:
    return Ed25519Signer(sha256(b"jiaozi/example/" + name.encode()).digest())


def _certified(use: Use, name: str, operator: int = 0) -> Certified:
    return Certified(
        use=use,
        operator=operator,
        suite=Suite.ED25519,
        key=_signer(name).public_key,
        not_before_ms=_MADE_MS,
        not_after_ms=_MADE_MS + _YEAR_MS,
        person=sha256(name.encode()).digest()[:16] if use is Use.OFFICER else None,
    )


def _genesis() -> bytes:
    genesis = Genesis(
        name="example",
        created_ms=_MADE_MS,
        rulebook_hash=sha256(b"rulebook").digest(),
        keys=(
            _certified(Use.REGISTRY_BLOCK, "block"),
            _certified(Use.OFFICER, "first"),
            _certified(Use.OFFICER, "second"),
        ),
        quotas_fen={},
    )
    return sign_genesis(genesis, _signer("root"))


def _payment() -> bytes:
    head = OrderHead(
        id=new_order_id(_MADE_MS, bytes(10)),
        type=OrderType.PAYMENT,
        expires_ms=_MADE_MS + 60_000,
    )
    leg = Leg(_PAYER, _PAYEE, 12_50, sha256(b"salt").digest()[:16])
    return sign_order(head, [_signer("wallet")], _NETWORK.id, legs=[leg])


def _header() -> blocks.SignedHeader:
    head = feed.advance(feed.START, _HEIGHT, [feed.digest(0, _LEAF, 1, 0)])
    header = blocks.Header(
        height=_HEIGHT,
        time_ms=_MADE_MS + 25,
        previous=sha256(b"previous").digest(),
        orders_root=merkle.root([_LEAF]),
        count=1,
        body_hash=blocks.body_hash(BLOCK_BODY),
        feeds_root=merkle.root([feed.head_leaf(_OPERATOR, head)]),
    )
    return blocks.sign_header(header, _signer("block"), _NETWORK.id)


def _next_header() -> blocks.Header:
    return blocks.Header(
        height=_HEIGHT + 1,
        time_ms=_MADE_MS + 50,
        previous=sha256(b"another").digest(),
        orders_root=merkle.root([]),
        count=0,
        body_hash=blocks.body_hash(b""),
        feeds_root=merkle.root([]),
    )


GENESIS = _genesis()
_NETWORK = read_genesis(GENESIS)
PAYMENT = _payment()
"""A submission: a wallet pays 12.50 yuan."""
ORDER_IDENTITY = parse(PAYMENT).identity
ANSWER = cbor.encode([1, [0], _HEIGHT, 0])
"""It is settled, as the first order of block 7."""
ANSWERS = cbor.encode([[1, [0], _HEIGHT, 0]])
_SETTLED = blocks.encode_outcome(SETTLED)
_LEAF = blocks.leaf(parse(PAYMENT).cose, _SETTLED)
BLOCK_BODY = PAYMENT + _SETTLED
HEADER = _header().encoded
HEADERS = cbor.encode(HEADER)
"""A page of one header."""
BLOCKS = HEADERS + cbor.encode(BLOCK_BODY)
"""A page of one block."""
_ITEM = next(blocks.read_body(BLOCK_BODY, 1))
RECEIPT = encode_receipt(_ITEM, list(_ITEM.legs), 0, [], HEADER)
FEED = feed.encode_block(
    HEADER, 1, [feed.Entry(0, _ITEM.cose, list(_ITEM.legs), SETTLED, None)], (0, 1, [])
)
"""A page of one feed block."""
STATEMENTS = cbor.encode(
    sign_statement(
        DailyStatement(
            operator=_OPERATOR, day=day_of(_MADE_MS) - 1, height=_HEIGHT - 1,
            identity=sha256(b"previous").digest(), made_ms=_MADE_MS + 25, opening_fen=900_000_00,
            issued_fen=100_000_00, destroyed_fen=0, exchanged_fen=250_000_00,
            redeemed_fen=40_000_00, set_aside_fen=30_000_00, released_fen=10_000_00,
            vault_fen=770_000_00, opening_reserve_fen=500_000_00, funded_fen=0,
            reserve_fen=400_000_00,
        ),
        _signer("block"),
        _NETWORK.id,
    )
)  # fmt: skip
"""A page of one daily statement."""
EQUIVOCATIONS = cbor.encode(
    [HEADER, blocks.sign_header(_next_header(), _signer("block"), _NETWORK.id).encoded]
)
"""A proof: the second header says that another block came before it."""


def _certificate(use: Use, name: str, operator: int = 0) -> bytes:
    return certify(_certified(use, name, operator), _signer("root"), _NETWORK.id)


def _certified_device() -> bytes:
    limits = PurseLimits(
        payment_fen=500_00, balance_fen=1_000_00, out_fen=2_000_00, out_count=50, in_fen=2_000_00,
        in_count=50, days=30, hops=3,
    )  # fmt: skip
    device = Device(
        operator=_OPERATOR, suite=Suite.ED25519, key=DEVICE_KEY, profile=Profile.CARD,
        generation=1, not_before_ms=_MADE_MS, not_after_ms=_MADE_MS + _YEAR_MS, limits=limits,
    )  # fmt: skip
    return certify_device(device, _signer("certify"), _NETWORK.id)


def _purse() -> Purse:
    """A purse that was loaded, and has unloaded a part."""
    anchor = Anchor(network=_NETWORK.id, root_key=_NETWORK.root_key)
    return loading.take_load(new_purse(_CHAIN, anchor), LOAD)


def _claim() -> bytes:
    head = OrderHead(
        id=new_order_id(_MADE_MS, bytes(10)), type=OrderType.CLAIM, expires_ms=_MADE_MS + 60_000
    )
    leg = Leg(numbers.OFFLINE, _HOLDER, 75_00, sha256(b"salt").digest()[:16])
    signers = [_signer("certify")]
    return sign_order(head, signers, _NETWORK.id, legs=[leg], number=_HOLDER, device=DEVICE_KEY)


DEVICE_KEY = _signer("device").public_key
ENROLMENT = sign_enrolment(
    Enrolment(operator=_OPERATOR, profile=Profile.CARD, wallet=_HOLDER),
    _signer("device"),
    _NETWORK.id,
)
"""A card asks to be certified for a wallet."""
ISSUE_CODE = bytes(range(CODE_LENGTH))
_CERTIFY = _certificate(Use.OPERATOR_CERTIFY, "certify", _OPERATOR)
_CHAIN = Chain(operator=_CERTIFY, device=_certified_device())
CHAIN = cbor.encode(_CHAIN.parts)
"""Its certificates."""
LOAD = sign_load(
    Load(device=DEVICE_KEY, number=1, amount_fen=100_00, order=ORDER_IDENTITY),
    _signer("certify"),
    _CERTIFY,
    _NETWORK.id,
)
"""100 yuan for it."""
_PURSE, UNLOAD = steps.unload(
    _purse(), amount_fen=25_00, wallet=_HOLDER, salt=bytes(16), signer=_signer("device")
)
OFFLINE_PAYMENTS = cbor.encode_bytes(UNLOAD)
"""A page of one payment: 25 yuan go back into the wallet."""
LOG = synchronisation.hand_in(_PURSE, signer=_signer("device"))
"""The log of load and unload."""
HANDED_IN = cbor.encode([[DEVICE_KEY, 1, sha256(b"payment").digest(), 1, None]])
"""It is settled."""
_TIME = cbor.encode([HEADER, _certificate(Use.REGISTRY_BLOCK, "block")])
_FRAME = sign_frame(
    ListHead(number=0, hash=NO_ENTRIES, time_ms=_MADE_MS),
    [],
    _signer("list"),
    _certificate(Use.LIST_SIGNING, "list"),
    _NETWORK.id,
)
TIME_AND_FRAMES = cbor.encode([_TIME, [_FRAME]])
"""The registry's time, and a list without entries."""
SYNCHRONISED = cbor.encode(
    [
        sign_checkpoint(
            Checkpoint(
                device=DEVICE_KEY, number=1, position=_PURSE.position, head=_PURSE.head,
                counter=_PURSE.counter, loads=1, balance_fen=75_00,
            ),
            _signer("certify"),
            _CERTIFY,
            _NETWORK.id,
        ),
        _TIME,
        [_FRAME],
    ]
)  # fmt: skip
"""What the purse goes on with."""
_CLAIMED = parse(_claim())
CLAIM = cbor.encode([_CLAIMED.message.payload, [leg.encoded() for leg in _CLAIMED.legs]])
"""What a holder wants to claim: payload and leg."""
COUNTERSIGNED_CLAIM = _CLAIMED.cose
