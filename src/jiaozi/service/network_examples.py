"""One small network for the descriptions of both APIs: its genesis, a payment, the payment's block.

Everything is made from fixed keys, so it is the same in every process and every bit of it holds:
the receipt shown verifies against the genesis shown.
"""

from hashlib import sha256

from jiaozi.protocol import blocks, cbor, feed, merkle
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.daily_statement import DailyStatement, day_of, sign_statement
from jiaozi.protocol.genesis import Genesis, read_genesis, sign_genesis
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import SETTLED
from jiaozi.protocol.suites import Ed25519Signer, Suite

_MADE_MS = 1_790_000_000_000
_YEAR_MS = 31_536_000_000
_OPERATOR = 1001
_PAYER, _PAYEE = AccountNumber(1001_0001_2345_6785), AccountNumber(1002_0000_1000_0004)
_HEIGHT = 7


def _signer(name: str) -> Ed25519Signer:
    return Ed25519Signer(sha256(b"jiaozi/example/" + name.encode()).digest())


def _certified(use: Use, name: str) -> Certified:
    return Certified(
        use=use,
        operator=0,
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
            redeemed_fen=40_000_00, vault_fen=790_000_00, opening_reserve_fen=500_000_00,
            funded_fen=0, reserve_fen=400_000_00,
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
