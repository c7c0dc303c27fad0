"""What purses say: one tag for each kind, one network, small, soon checked (rules.md §B.2)."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import Domain
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX
from jiaozi.protocol.offline import steps
from jiaozi.protocol.offline.certificate import (
    HOPS_MAX,
    LIMIT_NAMES,
    PAYMENTS_MAX,
    TIME_MAX_MS,
    Chain,
    Profile,
    PurseLimits,
    read_chain,
    read_device,
    read_operator,
)
from jiaozi.protocol.offline.messages import (
    MESSAGE_BYTES_MAX,
    Payment,
    Request,
    read_acknowledgement,
    read_payment,
    read_request,
    sign_payment,
    sign_request,
    with_chain,
)
from jiaozi.protocol.offline.operator_messages import read_checkpoint, read_load
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import Revocations, revocation_entry
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    FOREIGN,
    LIST_SEED,
    PAYEE,
    PAYER,
    THIRD,
    Party,
    certificate,
    chain_of,
    device_of,
    frame_of,
    fresh,
    load_message,
    parts_of,
    parts_of_message,
    signed_as,
)

MESSAGE_BYTES = 1_200
"""What a QR code takes with room to spare."""


@dataclass(frozen=True)
class Kind:
    """One kind of message: a good one, who signed it, and how it is read around its COSE part."""

    seed: int
    cose: bytes
    read: Callable[[bytes], object]

    @property
    def payload(self) -> bytes:
        return cose.decode(self.cose, size_max=MESSAGE_BYTES_MAX).payload


def kinds() -> dict[Domain, Kind]:
    payer, payee = Party(fen=100), Party(PAYEE)
    load = parts_of_message(payer.load(5))
    request = payee.ask(10)
    payment = payer.pay(request)
    acknowledgement = payee.collect(payment)
    checkpoint = parts_of_message(payer.checkpoint())
    statement, *rest = parts_of(payer.hand_in())
    head, *frame = cbor.decode(frame_of([revocation_entry(b"k", 1)]), size_max=9999)  # type: ignore[misc]
    chain = payer.purse.chain

    def beside(parts: list[Any], read: Callable[..., object]) -> Callable[[bytes], object]:
        return lambda signed: read(cbor.encode([signed, *parts]), ANCHOR)

    return {
        Domain.DEVICE: Kind(
            CERTIFY_SEED, chain.device, lambda signed: read_chain(Chain(
                operator=chain.operator, device=signed), ANCHOR),
        ),
        Domain.OFFLINE_LOAD: Kind(CERTIFY_SEED, load[0], beside(load[1:], read_load)),
        Domain.OFFLINE_REQUEST: Kind(
            PAYEE, parts_of_message(request)[0], beside(payee.purse.chain.parts, read_request)
        ),
        Domain.OFFLINE_PAYMENT: Kind(
            PAYER, parts_of_message(payment)[0], beside(chain.parts, read_payment)
        ),
        Domain.OFFLINE_ACKNOWLEDGEMENT: Kind(
            PAYEE, acknowledgement, lambda signed: read_acknowledgement(
                signed, key=signer_of(PAYEE).public_key, network=NETWORK),
        ),
        Domain.OFFLINE_STATEMENT: Kind(
            PAYER, statement,
            lambda signed: read_log(b"".join(map(cbor.encode_bytes, [signed, *rest])), ANCHOR),
        ),
        Domain.OFFLINE_CHECKPOINT: Kind(
            CERTIFY_SEED, checkpoint[0], beside(checkpoint[1:], read_checkpoint)
        ),
        Domain.REVOCATION_LIST: Kind(
            LIST_SEED, head,
            lambda signed: Revocations().extended(cbor.encode([signed, *frame]), ANCHOR, 0),
        ),
    }  # fmt: skip


KINDS = kinds()
each_kind = pytest.mark.parametrize("domain", KINDS, ids=lambda each: each.name)
UNSIGNED = (Code.SIGNATURE_INVALID, Code.DEVICE_UNCERTIFIED)


@each_kind
def test_b2_a_message_holds_as_what_it_was_signed_for(domain: Domain) -> None:
    kind = KINDS[domain]
    assert signed_as(domain, kind.payload, kind.seed) == kind.cose
    kind.read(kind.cose)
    for other in Domain:
        if other is not domain:
            signed = signed_as(other, kind.payload, kind.seed)
            refusal = refusal_of(lambda signed=signed: kind.read(signed))
            assert refusal.code in UNSIGNED, other


@each_kind
def test_b2_a_message_of_one_kind_never_passes_for_another(domain: Domain) -> None:
    for other, kind in KINDS.items():
        if other is not domain:
            refusal_of(lambda kind=kind: KINDS[domain].read(kind.cose))


@each_kind
def test_b2_a_message_holds_in_its_own_network(domain: Domain) -> None:
    kind = KINDS[domain]
    signed = signed_as(domain, kind.payload, kind.seed, FOREIGN)
    assert refusal_of(lambda: kind.read(signed)).code in UNSIGNED


@each_kind
def test_a_message_is_by_the_key_that_its_certificate_names(domain: Domain) -> None:
    kind = KINDS[domain]
    signed = signed_as(domain, kind.payload, THIRD)
    assert refusal_of(lambda: kind.read(signed)).code in UNSIGNED


@each_kind
def test_every_field_of_a_message_has_its_kind(domain: Domain) -> None:
    """Another type, one field too few, one too many: all are refused by the signer's own hand."""
    kind = KINDS[domain]
    fields: dict[int, object] = cbor.decode(kind.payload, size_max=999)  # type: ignore[assignment]
    wrong: list[dict[int, object]] = [fields | {23: 1}]
    for key in fields:
        wrong.append({each: value for each, value in fields.items() if each != key})
        wrong += [fields | {key: value} for value in (None, "1", b"", [1], True, -1, 2**63)]
    for each in wrong:
        signed = signed_as(domain, cbor.encode(each), kind.seed)
        code = refusal_of(lambda signed=signed: kind.read(signed)).code
        assert code in (Code.MALFORMED, Code.LOG_DIFFERS, Code.LIST_UNFIT), each


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_fen": 0}, Code.AMOUNT_OUT_OF_RANGE),
        ({"counter": 0}, Code.MALFORMED),
        ({"hop": 0}, Code.MALFORMED),
        ({"wallet": ALICE}, Code.MALFORMED),
        ({"payee": None}, Code.MALFORMED),
        ({"payee": None, "challenge": None}, Code.MALFORMED),
        ({"challenge": None}, Code.MALFORMED),
        ({"payee": None, "wallet": ALICE}, Code.MALFORMED),
    ],
    ids=str,
)
def test_a_payment_names_one_payee_and_an_amount(changes: dict[str, Any], code: Code) -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    payment = read_payment(payer.pay(payee.ask(10)), ANCHOR)[0]
    signed = sign_payment(replace(payment, **changes), payer.signer, NETWORK)
    message = with_chain(signed, payer.purse.chain)
    assert refusal_of(lambda: read_payment(message, ANCHOR)).code is code


def test_nothing_is_asked_for_or_loaded_but_an_amount() -> None:
    request = Request(amount_fen=0, challenge=fresh(), list_number=0, expires_ms=END_MS)
    payee = Party(PAYEE)
    asked = sign_request(request, payee.signer, payee.purse.chain, NETWORK)
    loaded = load_message(PAYER, 1, 0)
    assert refusal_of(lambda: read_request(asked, ANCHOR)).code is Code.AMOUNT_OUT_OF_RANGE
    assert refusal_of(lambda: read_load(loaded, ANCHOR)).code is Code.AMOUNT_OUT_OF_RANGE


def test_a_payment_of_too_many_hops_is_not_collected() -> None:
    payer, payee = Party(fen=100, hops=8), Party(PAYEE)
    payment = read_payment(payer.pay(payee.ask(10)), ANCHOR)[0]
    for hop, is_taken in ((4, False), (3, True)):
        signed = sign_payment(replace(payment, hop=hop), payer.signer, NETWORK)
        message = with_chain(signed, payer.purse.chain)
        if is_taken:
            payee.collect(message)
        else:
            refusal = refusal_of(lambda message=message: payee.collect(message))
            assert (refusal.code, refusal.fields) == (Code.HOPS_TOO_MANY, {"hops_max": 3})


def largest() -> tuple[bytes, bytes]:
    """Request and payment with every field as long as it may be."""
    counts = {"out_count": PAYMENTS_MAX // 2, "in_count": PAYMENTS_MAX // 2, "hops": HOPS_MAX}
    limits = PurseLimits(**dict.fromkeys(LIMIT_NAMES, FEN_MAX) | counts)
    device = device_of(
        PAYER, operator=OPERATOR_CODE_MAX, profile=Profile.TERMINAL, generation=FEN_MAX,
        not_before_ms=TIME_MAX_MS - 1, not_after_ms=TIME_MAX_MS,
    )  # fmt: skip
    operators = certificate(operator=OPERATOR_CODE_MAX, not_after_ms=TIME_MAX_MS)
    chain = chain_of(replace(device, limits=limits), operators=operators)
    request = Request(
        amount_fen=FEN_MAX, challenge=fresh(), list_number=FEN_MAX, expires_ms=FEN_MAX
    )
    payment = Payment(
        counter=FEN_MAX, position=FEN_MAX, previous=bytes(32), amount_fen=FEN_MAX, hop=FEN_MAX,
        balance_after=bytes(32), list_number=FEN_MAX, payee=signer_of(PAYEE).public_key,
        challenge=fresh(), wallet=None,
    )  # fmt: skip
    signed = sign_payment(payment, signer_of(PAYER), NETWORK)
    return sign_request(request, signer_of(PAYER), chain, NETWORK), with_chain(signed, chain)


def test_request_and_payment_fit_one_code_each_way() -> None:
    request, payment = largest()
    read_request(request, ANCHOR)
    read_payment(payment, ANCHOR)
    assert len(request) < MESSAGE_BYTES
    assert len(payment) < MESSAGE_BYTES


def test_one_hop_is_verified_in_under_five_milliseconds() -> None:
    """Of a payer never met before, certificates and all; other work on the machine aside."""
    payer = Party(fen=1_000, out_count=40)
    spent_ms = []
    for _ in range(21):
        payee = Party(PAYEE)
        payment = payer.pay(payee.ask(1))
        for each in (read_device, read_operator):
            each.cache_clear()
        started = time.process_time()
        read_payment(payment, ANCHOR)
        steps.collect(payee.purse, payment, signer=payee.signer)
        spent_ms.append((time.process_time() - started) * 1000)
    assert statistics.median(spent_ms) < 5


def test_an_operators_certificate_certifies_no_device_but_its_own() -> None:
    device = device_of(PAYER, operator=1002)
    wrong = chain_of(device, operators=certificate())
    assert refusal_of(lambda: read_chain(wrong, ANCHOR)).code is Code.DEVICE_UNCERTIFIED
    assert read_chain(chain_of(device), ANCHOR).not_after_ms == END_MS


@pytest.mark.parametrize("use", [Use.OPERATOR_VAULT, Use.OPERATOR_TRANSPORT, Use.DEVICE])
def test_b5_only_a_certify_key_certifies_devices_and_signs_for_them(use: Use) -> None:
    of_other_use = certificate(use)
    device = chain_of(device_of(PAYER), operators=of_other_use)
    load = cbor.encode([KINDS[Domain.OFFLINE_LOAD].cose, of_other_use])
    checkpoint = cbor.encode([KINDS[Domain.OFFLINE_CHECKPOINT].cose, of_other_use])
    for read in (
        lambda: read_chain(device, ANCHOR),
        lambda: read_load(load, ANCHOR),
        lambda: read_checkpoint(checkpoint, ANCHOR),
    ):
        assert refusal_of(read).code is Code.DEVICE_UNCERTIFIED


@pytest.mark.parametrize("code", [each for each in Code if 300 <= each < 330], ids=lambda c: c.name)
def test_every_refusal_of_a_purse_is_shown_by_a_test(code: Code) -> None:
    files = Path(__file__).parent.glob("test_offline_*.py")
    assert any(f"Code.{code.name}" in path.read_text("utf-8") for path in files)
