"""What a device signs that cannot be right is a fault of its log, of its kind (rules.md §G.3)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import cbor2
import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.offline.balances import balance_hash
from jiaozi.protocol.offline.log import (
    Statement,
    certificates_hash,
    collected_entry,
    loaded_entry,
    next_head,
    paid_entry,
    sign_log,
)
from jiaozi.protocol.offline.messages import Payment, sign_payment, with_chain
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.offline.replay import Fault, HandedLog, read_log
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Suite
from tests.protocol.builders import NETWORK, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    OPERATORS_CERTIFICATE,
    OTHER_CERTIFY_SEED,
    PAYEE,
    PAYER,
    Party,
    flipped,
    fresh,
    load_message,
    other_signature,
    parts_of_message,
    transfer,
)

SALT = bytes(16)


def forged(party: Party, *entries: bytes, **changes: Any) -> HandedLog:  # noqa: ANN401
    """The log of a device that signs whatever it likes after what its purse holds."""
    purse: Purse = party.purse
    head, every = purse.head, (*purse.entries, *entries)
    for each in entries:
        head = next_head(head, each)
    statement = Statement(
        checkpoint=sha256(purse.checkpoint).digest(), position=purse.position + len(entries),
        head=head, list_number=0, certificates=certificates_hash(purse.chain),
    )  # fmt: skip
    handed_in = sign_log(
        replace(statement, **changes), purse.chain, purse.checkpoint, every, party.signer, ANCHOR
    )
    return read_log(handed_in, ANCHOR)


def said(party: Party, seed: int | None = None, **changes: Any) -> bytes:  # noqa: ANN401
    """The next payment of a device, of 10 fen of 100 that it has, changed as it likes."""
    purse = party.purse
    payment = Payment(
        counter=purse.counter + 1, position=purse.position + 1, previous=purse.head,
        amount_fen=10, hop=1, balance_after=balance_hash((90, 0, 0, 0), SALT), list_number=0,
        payee=signer_of(PAYEE).public_key, challenge=bytes(16), wallet=None,
    )  # fmt: skip
    return sign_payment(replace(payment, **changes), signer_of(seed or party.seed), NETWORK)


def came_in(**changes: Any) -> bytes:  # noqa: ANN401
    """A payment to `PAYER` by an honest device, changed as that device likes."""
    other = Party(PAYEE, fen=100)
    fields: dict[str, Any] = {"payee": signer_of(PAYER).public_key, **changes}
    return with_chain(said(other, **fields), other.purse.chain)


def test_g3_what_a_cheat_builds_on_is_right_by_itself() -> None:
    log = forged(Party(fen=100), paid_entry(said(Party(fen=100)), SALT), collected_entry(came_in()))
    assert (log.fault, log.balances_fen) == (None, (90, 10, 0, 0))


def sha(text: str) -> bytes:
    return sha256(text.encode()).digest()


def load_of_a_thief() -> bytes:
    """Signed with another key than the certificate's beside it."""
    signed, _ = parts_of_message(load_message(PAYER, 2, 9, certify_seed=OTHER_CERTIFY_SEED))
    return cbor.encode([signed, OPERATORS_CERTIFICATE])


FAULTS: dict[str, tuple[Fault, Callable[[Party], list[bytes]]]] = {
    "no entry": (Fault.ENTRY_MALFORMED, lambda _: [b"\xff"]),
    "an entry of another kind": (Fault.ENTRY_MALFORMED, lambda _: [cbor.encode([4, b""])]),
    "true for a kind": (
        Fault.ENTRY_MALFORMED, lambda _: [cbor.encode([True, load_message(PAYER, 2, 1)])],
    ),
    "1.0 for a kind": (
        Fault.ENTRY_MALFORMED, lambda _: [cbor2.dumps([1.0, load_message(PAYER, 2, 1)])],
    ),
    "a short salt": (Fault.ENTRY_MALFORMED, lambda p: [paid_entry(said(p), bytes(15))]),
    "no payment": (Fault.ENTRY_MALFORMED, lambda _: [paid_entry(b"", SALT)]),
    "more than there can be": (
        Fault.ENTRY_MALFORMED, lambda _: [loaded_entry(load_message(PAYER, 2, 2**63 - 1))],
    ),
    "a load that nobody signed": (Fault.LOAD_INVALID, lambda _: [loaded_entry(b"")]),
    "a load by a key that is not its operator's": (
        Fault.LOAD_INVALID, lambda _: [loaded_entry(load_of_a_thief())],
    ),
    "a load of another device": (
        Fault.LOAD_INVALID, lambda _: [loaded_entry(load_message(PAYEE, 2, 9))],
    ),
    "a load once more": (Fault.LOAD_INVALID, lambda _: [loaded_entry(load_message(PAYER, 1, 100))]),
    "a load too early": (Fault.LOAD_INVALID, lambda _: [loaded_entry(load_message(PAYER, 3, 9))]),
    "a payment in that nobody signed": (Fault.PAYMENT_INVALID, lambda _: [collected_entry(b"")]),
    "a payment in with a broken signature": (
        Fault.PAYMENT_INVALID, lambda _: [collected_entry(other_signature(came_in()))],
    ),
    "a payment to another": (
        Fault.PAYMENT_INVALID, lambda _: [collected_entry(came_in(payee=bytes(32)))],
    ),
    "a payment in of too many hops": (
        Fault.PAYMENT_INVALID, lambda _: [collected_entry(came_in(hop=4))],
    ),
    "a payment in twice": (Fault.COLLECTED_TWICE, lambda _: [collected_entry(came_in())] * 2),
    "a payment in from another checkpoint": (
        Fault.COLLECTED_TWICE,
        lambda _: [collected_entry(came_in(challenge=bytes(7) + b"\x01" + bytes(8)))],
    ),
    "a payment of another device": (
        Fault.NOT_ITS_OWN, lambda p: [paid_entry(said(p, seed=PAYEE), SALT)],
    ),
    "a payment that it did not sign": (
        Fault.NOT_ITS_OWN, lambda p: [paid_entry(flipped(said(p)), SALT)],
    ),
    "a counter left out": (Fault.OUT_OF_PLACE, lambda p: [paid_entry(said(p, counter=2), SALT)]),
    "a place left out": (Fault.OUT_OF_PLACE, lambda p: [paid_entry(said(p, position=3), SALT)]),
    "another log before it": (
        Fault.OUT_OF_PLACE, lambda p: [paid_entry(said(p, previous=bytes(32)), SALT)],
    ),
    "a payment doubled": (Fault.OUT_OF_PLACE, lambda p: [paid_entry(said(p), SALT)] * 2),
    "more than it has": (
        Fault.BALANCE_BELOW_ZERO, lambda p: [paid_entry(said(p, amount_fen=101), SALT)],
    ),
    "a hop too low": (Fault.HOP_FALSE, lambda p: [paid_entry(said(p, hop=2), SALT)]),
    "another salt": (Fault.BALANCE_FALSE, lambda p: [paid_entry(said(p), fresh())]),
    "another balance": (
        Fault.BALANCE_FALSE, lambda p: [paid_entry(said(p, balance_after=sha("more")), SALT)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_g3_an_entry_that_cannot_be_right_convicts_its_device(case: str) -> None:
    fault, cheat = FAULTS[case]
    party = Party(fen=100)
    entries = cheat(party)
    log = forged(party, *entries)
    assert log.fault == (1 + len(entries), fault)


def test_g3_every_kind_of_fault_is_shown() -> None:
    assert {fault for fault, _ in FAULTS.values()} == set(Fault)


def test_g3_the_first_fault_counts_and_what_pays_is_read_all_the_same() -> None:
    party = Party(fen=100)
    log = forged(party, b"\xff", paid_entry(said(party), fresh()), collected_entry(came_in()))
    assert log.fault == (2, Fault.ENTRY_MALFORMED)
    assert len(log.payments) == 2


def test_g3_a_collected_payment_of_before_a_checkpoint_is_found_in_the_log_after_it() -> None:
    """A device that takes the same payment again once its operator has settled it."""
    payer, payee = Party(PAYEE, fen=100), Party(PAYER)
    payment = transfer(payer, payee, 100)
    payee.synchronise()
    log = forged(payee, collected_entry(payment))
    assert log.fault == (2, Fault.COLLECTED_TWICE)


def test_g3_nobody_is_convicted_for_a_suite_of_later_times() -> None:
    party = Party(fen=100)
    signed = bytearray(said(Party(PAYEE, fen=100), payee=party.signer.public_key))
    at = signed.index(b"\x01\x27\x04")  # {1: -8, 4: key}
    later = signed[:at] + b"\x01" + cbor2.dumps(int(Suite.SM2)) + signed[at + 2 :]
    later[3] += 4  # the header is longer by four bytes
    message = with_chain(bytes(later), Party(PAYEE).purse.chain)
    refusal = refusal_of(lambda: forged(party, collected_entry(message)))
    assert refusal.code is Code.SUITE_UNSUPPORTED


def test_g3_a_statement_that_is_not_about_its_entries_is_no_log() -> None:
    party = Party(fen=100)
    for changes in ({"position": 2}, {"head": bytes(32)}, {"checkpoint": bytes(32)}):
        refusal = refusal_of(lambda changes=changes: forged(party, **changes))
        assert refusal.code is Code.LOG_DIFFERS
