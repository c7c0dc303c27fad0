"""Make the public vectors of the protocol: ``python -m tests.vectors.make`` from the root.

Everything follows from seeds, so two runs give the same bytes. Whoever implements the protocol in
another language compares with these files; hexadecimal stands for bytes, 16 digits for an account
number, the rest are numbers below 2^53.
"""

import json
from collections.abc import Callable
from pathlib import Path

from jiaozi.protocol import blocks, cbor, cose, feed, ids, merkle, numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.daily_statement import STATEMENT_BYTES_MAX, sign_statement
from jiaozi.protocol.domains import NO_NETWORK, Domain, external_aad
from jiaozi.protocol.equivocation import find_contradiction
from jiaozi.protocol.genesis import GENESIS_BYTES_MAX, read_genesis
from jiaozi.protocol.login import Login, Purpose, sign_login
from jiaozi.protocol.order_types import LEGS_MAX, OrderType
from jiaozi.protocol.orders import Leg, Order, leg_hash, parse
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.safeguards import Freeze, Mandate, Rebind, Safeguards, Waiting
from tests.protocol import builders
from tests.protocol.builders import (
    ALICE,
    BLOCK_SEED,
    BOB,
    CAROL,
    NETWORK,
    NOW_MS,
    OPERATOR,
    ORDER_AAD,
    ROOT_SEED,
    block_of,
    certified,
    leg,
    order_id,
    seed_of,
    seeds_of,
    submission_of,
)
from tests.vectors.make_offline import offline
from tests.vectors.malformed import malformed, not_signed

HERE = Path(__file__).parent
Document = dict[str, object]


def orders() -> Document:
    """Every order type, and payments in every form."""
    both = (builders.WALLET_SEED, builders.OTHER_WALLET_SEED)
    split = [leg(ALICE, BOB, 100, 1), leg(ALICE, CAROL, 200, 2)]
    two_owners = [leg(ALICE, BOB, 100, 1), leg(CAROL, BOB, 200, 2)]
    most = [leg(amount=n + 1, salt=n) for n in range(LEGS_MAX)]
    cases = {each.name.lower(): (submission_of(each), seeds_of(each)) for each in OrderType}
    cases |= {
        "payment_with_all_fields": (
            submission_of(not_before_ms=NOW_MS, reference=b"\x05" * 32, link=b"\x06" * 32),
            both[:1],
        ),
        "payment_of_two_legs": (submission_of(legs=split), both[:1]),
        "payment_of_two_owners": (submission_of(legs=two_owners, seeds=both), both),
        "payment_of_sixteen_legs": (submission_of(legs=most), both[:1]),
    }
    return {
        "network": NETWORK.hex(),
        "external_aad": ORDER_AAD.hex(),
        "orders": [{"name": name} | _order(*case) for name, case in cases.items()],
    }


def _order(data: bytes, seeds: tuple[int, ...]) -> Document:
    order = parse(data)
    return {
        "seeds": [seed_of(each).hex() for each in seeds],
        "type": int(order.type),
        "id": order.id.hex(),
        "not_before_ms": order.not_before_ms or None,
        "expires_ms": order.expires_ms,
        "reference": _hex(order.reference),
        "link": _hex(order.link),
        "legs": [_leg(each) for each in order.legs],
        "body": {name: _plain(name, value) for name, value in order.body.items()},
        "scope": numbers.format_number(order.scope),
        "payload": order.message.payload.hex(),
        "signed": [_signed(order, each) for each in order.message.signatures],
        "message": order.cose.hex(),
        "submission": order.encoded.hex(),
        "identity": order.identity.hex(),
    }


def _leg(each: Leg) -> Document:
    return {
        "debit": numbers.format_number(each.debit),
        "credit": numbers.format_number(each.credit),
        "amount_fen": each.amount,
        "salt": each.salt.hex(),
        "encoded": each.encoded().hex(),
        "hash": leg_hash(each.encoded()).hex(),
    }


def _signed(order: Order, signature: cose.Signature) -> Document:
    return {
        "suite": int(signature.suite),
        "key": signature.key.hex(),
        "bytes": order.message.signed_bytes(signature, ORDER_AAD).hex(),
        "signature": signature.value.hex(),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _plain(name: str, value: int | bytes) -> int | str:
    if isinstance(value, bytes):
        return value.hex()
    return numbers.format_number(value) if name in ("number", "parent") else value


def refusals() -> Document:
    """Submissions that every reader refuses, with the code and the fields of its answer."""
    return {
        "network": NETWORK.hex(),
        "malformed": list(map(_refused, malformed())),
        "not_signed": [_not_signed(*case) for case in not_signed()],
    }


def _refused(case: tuple[str, bytes]) -> Document:
    name, data = case
    try:
        parse(data)
    except Refusal as refusal:
        return {
            "name": name,
            "submission": data.hex(),
            "code": int(refusal.code),
            "word": refusal.code.name.lower(),
            "fields": refusal.fields,
        }
    raise AssertionError(f"{name} was taken")


def _not_signed(name: str, data: bytes) -> Document:
    """A submission of the right shape whose signatures do not all hold."""
    assert not cose.verify(parse(data).message, ORDER_AAD), name
    code = Code.SIGNATURE_INVALID
    return {
        "name": name,
        "submission": data.hex(),
        "code": int(code),
        "word": code.name.lower(),
        "fields": {},
    }


def proofs() -> Document:
    """A block with its receipts and an operator's feed, and what the root signs."""
    shown = [leg(ALICE, BOB, 100, 1), leg(ALICE, CAROL, 200, 2)]
    submissions = [
        submission_of(id=order_id(serial=n), legs=shown if n == 1 else None) for n in range(3)
    ]
    block = block_of(submissions, [(0,), (0,), (107, 5)])
    genesis = builders.genesis_bytes()
    network = read_genesis(genesis)
    aad = external_aad(Domain.HEADER, NETWORK)
    header = cose.decode(block.signed.encoded, size_max=blocks.HEADER_BYTES_MAX)
    message = cose.decode(genesis, size_max=GENESIS_BYTES_MAX)
    uses = [
        certified(Use.OPERATOR_VAULT),
        certified(Use.OFFICER, 0, builders.OFFICER_SEED, bytes(15) + b"\x01"),
    ]
    return {
        "network": NETWORK.hex(),
        "block_seed": seed_of(BLOCK_SEED).hex(),
        "root_seed": seed_of(ROOT_SEED).hex(),
        "header": {
            "fields": {str(key): _json(each) for key, each in block.signed.header.fields().items()},
            "external_aad": aad.hex(),
            "signed": header.signed_bytes(header.signatures[0], aad).hex(),
            "encoded": block.signed.encoded.hex(),
            "identity": block.signed.identity.hex(),
        },
        "body": block.body.hex(),
        "leaves": [each.hex() for each in block.leaves],
        "receipts": [
            {"position": 0, "hidden_legs": [], "encoded": block.receipt(0).hex()},
            {"position": 1, "hidden_legs": [0], "encoded": block.receipt(1, [0]).hex()},
            {"position": 2, "hidden_legs": [], "encoded": block.receipt(2).hex()},
        ],
        "feed": {
            "operator": OPERATOR,
            "before": {"sequence": 0, "running_hash": feed.START.running_hash.hex()},
            "encoded": block.feed_block().hex(),
            "after": {
                "sequence": block.head.sequence,
                "running_hash": block.head.running_hash.hex(),
            },
        },
        "certificates": [
            {
                "fields": {str(key): _json(value) for key, value in each.fields().items()},
                "encoded": builders.certify(each, builders.ROOT, NETWORK).hex(),
            }
            for each in uses
        ],
        "genesis": {
            "encoded": genesis.hex(),
            "external_aad": external_aad(Domain.GENESIS, NO_NETWORK).hex(),
            "payload": message.payload.hex(),
            "network": network.id.hex(),
        },
    }


def statements() -> Document:
    """A daily statement, and what proves that a registry signed two histories."""
    aad = external_aad(Domain.DAILY_STATEMENT, NETWORK)
    data = sign_statement(builders.STATEMENT, builders.BLOCK_SIGNER, NETWORK)
    message = cose.decode(data, size_max=STATEMENT_BYTES_MAX)
    payload = cbor.decode(message.payload, size_max=STATEMENT_BYTES_MAX)
    assert isinstance(payload, dict)
    found = [find_contradiction(*each) for each in builders.contradictory_headers()]
    return {
        "network": NETWORK.hex(),
        "block_seed": seed_of(BLOCK_SEED).hex(),
        "daily_statement": {
            "fields": {str(key): _json(each) for key, each in payload.items()},
            "date": builders.STATEMENT.date,
            "external_aad": aad.hex(),
            "signed": message.signed_bytes(message.signatures[0], aad).hex(),
            "encoded": data.hex(),
        },
        "equivocations": [
            {
                "contradiction": each.contradiction.value,
                "headers": [each.first.encoded.hex(), each.second.encoded.hex()],
                "encoded": each.encoded().hex(),
                "id": each.id.hex(),
            }
            for each in found
            if each is not None
        ],
    }


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [_json(each) for each in value] if isinstance(value, list) else value


def trees() -> Document:
    """Merkle roots and inclusion proofs (RFC 6962 §2.1) over leaves of the bytes 00, 01, …."""
    data = [bytes([n]) for n in range(9)]
    leaves = [merkle.leaf_hash(each) for each in data]
    return {
        "leaves": [each.hex() for each in data],
        "trees": [
            {
                "size": size,
                "root": merkle.root(leaves[:size]).hex(),
                "proofs": [
                    [each.hex() for each in merkle.inclusion_proof(leaves[:size], index)]
                    for index in range(size)
                ],
            }
            for size in range(len(data) + 1)
        ],
    }


def numbers_and_ids() -> Document:
    """Account numbers with their check digits, and order ids with their times."""
    pairs = [(0, 1), (0, 2), (0, 3), (1, 1), (1001, 1), (1001, 2), (1001, 3), (1001, 5_000_000)]
    pairs += [(9999, numbers.SERIAL_MAX), (1002, 12_345_678_901)]
    times = [0, NOW_MS, 1_645_557_742_000, 2**48 - 1]
    return {
        "account_numbers": [
            {
                "operator": operator,
                "serial": serial,
                "number": numbers.format_number(numbers.account_number(operator, serial)),
            }
            for operator, serial in pairs
        ],
        "order_ids": [
            {"time_ms": time_ms, "random": bytes(range(10)).hex(), "id": made.hex(),
             "last_expiry_day": ids.last_expiry_day(made)}
            for time_ms in times
            for made in [ids.new_order_id(time_ms, bytes(range(10)))]
        ],
    }  # fmt: skip


def logins() -> Document:
    """A login as a wallet signs it."""
    login = Login(
        operator=OPERATOR,
        wallet=ALICE,
        origin="https://a.wallet.localhost",
        purpose=Purpose.READ,
        challenge=bytes(range(60)),
    )
    return {
        "network": NETWORK.hex(),
        "external_aad": external_aad(Domain.LOGIN, NETWORK).hex(),
        "seed": seed_of(builders.WALLET_SEED).hex(),
        "operator": login.operator,
        "wallet": numbers.format_number(login.wallet),
        "origin": login.origin,
        "purpose": int(login.purpose),
        "challenge": login.challenge.hex(),
        "payload": login.payload.hex(),
        "login": sign_login(login, builders.signer_of(builders.WALLET_SEED), NETWORK).hex(),
    }


def safeguards() -> Document:
    """What protects a wallet, as a registry keeps and hashes it."""
    frozen = {
        (bytes([n]) * 16, n): Freeze(bytes([n]) * 16, n, n, 500 if n == 3 else 0, NOW_MS)
        for n in (3, 1, 2)
    }
    rebind = Rebind(-19, bytes(range(32)), NOW_MS, NOW_MS + 1, NOW_MS + 9)
    waiting = [
        Waiting(NOW_MS + 7, bytes([1]) * 16, None),
        Waiting(NOW_MS + 5, None, (None, 100, 200, None, 0)),
    ]
    mandate = Mandate(bytes(16), -19, bytes(32), BOB, 10, 20, NOW_MS + 30, 20_600, 15)
    cases = {
        "nothing": Safeguards(),
        "freezes": Safeguards(freezes=frozen),
        "rebind": Safeguards(rebind=rebind),
        "waiting": Safeguards(waiting=waiting),
        "mandate": Safeguards(mandates={mandate.id: mandate}),
        "all": Safeguards(frozen, rebind, waiting, {mandate.id: mandate}),
        "waterfall": Safeguards(waterfall=True),
    }
    return {
        "safeguards": [
            {
                "name": name,
                "due_ms": each.due_ms,
                "freeze_bits": each.freeze_bits,
                "frozen_fen": each.frozen_fen,
                "encoded": each.encoded().hex(),
            }
            for name, each in cases.items()
        ]
    }


FILES: dict[str, Callable[[], Document]] = {
    "orders.json": orders,
    "refusals.json": refusals,
    "proofs.json": proofs,
    "merkle.json": trees,
    "numbers.json": numbers_and_ids,
    "logins.json": logins,
    "statements.json": statements,
    "safeguards.json": safeguards,
    "offline.json": offline,
}


def text_of(name: str) -> str:
    """The text of one file."""
    return json.dumps(FILES[name](), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in FILES:
        (HERE / each).write_text(text_of(each))
