"""What binds a purse by itself, each limit at its edge by one (rules.md §G.4, §G.5)."""

from dataclasses import replace
from itertools import pairwise

import pytest

from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import news
from jiaozi.protocol.offline.certificate import (
    HOPS_MAX,
    PAYMENTS_MAX,
    TIME_MAX_MS,
    Anchor,
    read_chain,
)
from jiaozi.protocol.offline.revocations import generation_entry, revocation_entry
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import NETWORK, NOW_MS, ROOT, refusal_of
from tests.protocol.offline_builders import (
    END_MS,
    LATER_MS,
    PAYEE,
    PAYER,
    THIRD,
    Party,
    certificate,
    chain_of,
    device_of,
    frame_of,
    time_message,
    transfer,
)


def test_one_payment_is_at_most_of_its_limit() -> None:
    payer, payee = Party(fen=1_000), Party(PAYEE)
    above = payee.ask(501)
    refusal = refusal_of(lambda: payer.pay(above))
    assert (refusal.code, refusal.fields) == (Code.PURSE_PAYMENT_LIMIT, {"limit_fen": 500})
    transfer(payer, payee, 500)


def test_a_payment_above_its_payers_limit_is_not_believed() -> None:
    """Only a program that is no purse says it, and its payee would carry the loss on."""
    thief, payee = Party(fen=1_000), Party(PAYEE)
    limits = replace(thief.purse.device.limits, payment_fen=1_000)
    thief.purse = replace(thief.purse, device=replace(thief.purse.device, limits=limits))
    payment = thief.pay(payee.ask(501))
    refusal = refusal_of(lambda: payee.collect(payment))
    assert (refusal.code, refusal.fields) == (Code.PURSE_PAYMENT_LIMIT, {"limit_fen": 500})
    assert payee.purse.balance_fen == 0


def test_a_purse_holds_at_most_its_cap_by_load_and_by_payment() -> None:
    payer, payee = Party(fen=1_000), Party(PAYEE, fen=600)
    refusal = refusal_of(lambda: payee.load(401))
    assert refusal.code is Code.PURSE_BALANCE_CAP
    assert refusal.fields == {"cap_fen": 1_000, "room_fen": 400}
    assert refusal_of(lambda: payee.ask(401)).code is Code.PURSE_BALANCE_CAP
    transfer(payer, payee, 400)
    assert payee.purse.balance_fen == 1_000
    assert refusal_of(lambda: payee.ask(1)).fields == {"cap_fen": 1_000, "room_fen": 0}


def test_what_filled_up_meanwhile_is_refused_when_it_is_collected() -> None:
    payer, payee = Party(fen=1_000), Party(PAYEE, fen=600)
    first, second = payee.ask(400), payee.ask(1)
    payee.collect(payer.pay(first))
    late = payer.pay(second)
    assert refusal_of(lambda: payee.collect(late)).code is Code.PURSE_BALANCE_CAP


def test_the_sum_that_leaves_is_bound_to_the_fen_until_synchronised() -> None:
    payer, payee = Party(fen=1_000), Party(PAYEE)
    transfer(payer, payee, 500)
    above = payee.ask(301)
    refusal = refusal_of(lambda: payer.pay(above))
    assert (refusal.code, refusal.fields) == (
        Code.PURSE_OUT_LIMIT, {"limit_fen": 800, "left_fen": 300},
    )  # fmt: skip
    transfer(payer, payee, 300)
    payer.synchronise()
    transfer(payer, payee, 100)


def test_the_number_of_payments_out_is_bound_until_synchronised() -> None:
    payer, payee = Party(fen=1_000), Party(PAYEE)
    for _ in range(5):
        transfer(payer, payee, 1)
    sixth = payee.ask(1)
    refusal = refusal_of(lambda: payer.pay(sixth))
    assert (refusal.code, refusal.fields) == (Code.PURSE_OUT_COUNT, {"limit": 5})
    payer.synchronise()
    payer.pay(sixth)


def test_the_sum_that_comes_in_is_bound_to_the_fen_until_synchronised() -> None:
    payer, payee = Party(fen=1_000, out_fen=1_000), Party(PAYEE)
    transfer(payer, payee, 500)
    assert refusal_of(lambda: payee.ask(401)).fields == {"limit_fen": 900, "left_fen": 400}
    open_one = payee.ask(1)
    transfer(payer, payee, 400)
    late = payer.pay(open_one)
    assert refusal_of(lambda: payee.collect(late)).code is Code.PURSE_IN_LIMIT
    assert refusal_of(lambda: payee.ask(1)).code is Code.PURSE_IN_LIMIT
    payee.synchronise()
    payee.ask(100)


def test_the_number_of_payments_in_is_bound_until_synchronised() -> None:
    payer, payee = Party(fen=1_000, out_count=9), Party(PAYEE)
    open_one = payee.ask(1)
    for _ in range(6):
        transfer(payer, payee, 1)
    late = payer.pay(open_one)
    refusal = refusal_of(lambda: payee.collect(late))
    assert (refusal.code, refusal.fields) == (Code.PURSE_IN_COUNT, {"limit": 6})
    assert refusal_of(lambda: payee.ask(1)).code is Code.PURSE_IN_COUNT
    payee.synchronise()
    payee.ask(1)


def test_loads_and_unloads_count_towards_nothing() -> None:
    payer, payee = Party(fen=1_000, out_count=1, in_count=0), Party(PAYEE)
    payer.unload(900)
    payer.load(900)
    assert (payer.purse.usage.out_count, payer.purse.usage.in_count) == (0, 0)
    transfer(payer, payee, 1)


def test_g5_money_changes_hands_so_often_and_then_waits() -> None:
    """Three hops: the third payee holds it, and spends it after it was synchronised."""
    parties = [Party(PAYER + n, fen=0 if n else 100) for n in range(5)]
    for payer, payee in pairwise(parties[:4]):
        transfer(payer, payee, 100)
    last, other = parties[3], parties[4]
    assert last.balances_fen == (0, 0, 0, 100)
    request = other.ask(1)
    refusal = refusal_of(lambda: last.pay(request))
    assert refusal.code is Code.PURSE_FUNDS
    assert refusal.fields == {"spendable_fen": 0, "after_synchronisation_fen": 100}
    assert refusal_of(lambda: last.unload(1)).code is Code.PURSE_FUNDS
    last.synchronise()
    assert last.balances_fen == (100, 0, 0, 0)
    transfer(last, other, 100)


def test_g5_staged_money_waits_at_its_first_payee() -> None:
    payer, payee, third = (Party(seed, hops=1) for seed in (PAYER, PAYEE, THIRD))
    payer.load(300)
    transfer(payer, payee, 200)
    assert (payee.balances_fen, payee.purse.spendable_fen) == ((0, 200), 0)
    request = third.ask(1)
    assert refusal_of(lambda: payee.pay(request)).code is Code.PURSE_FUNDS
    payee.load(50)
    transfer(payee, third, 50)
    payee.synchronise()
    transfer(payee, third, 200)


def test_g5_a_payment_takes_the_lowest_hops_first_and_carries_the_highest() -> None:
    payer, payee, third = Party(fen=100), Party(PAYEE, fen=50), Party(THIRD)
    transfer(payer, payee, 40)
    transfer(payee, third, 50)
    assert (payee.balances_fen, third.balances_fen) == ((0, 40, 0, 0), (0, 50, 0, 0))
    payee.load(10)
    transfer(payee, third, 11)
    assert (payee.balances_fen, third.balances_fen) == ((0, 39, 0, 0), (0, 50, 11, 0))


def test_g5_nobody_pays_what_the_payee_may_not_take() -> None:
    """A payment once made is not taken back: so it is not made to a device of fewer hops."""
    payer, payee, staged = Party(fen=100), Party(PAYEE), Party(THIRD, hops=1)
    transfer(payer, payee, 100)
    request = staged.ask(100)
    before = payee.purse
    refusal = refusal_of(lambda: payee.pay(request))
    assert (refusal.code, refusal.fields) == (Code.HOPS_TOO_MANY, {"hops_max": 1})
    assert payee.purse == before
    payee.load(100)
    transfer(payee, staged, 100)


def test_days_count_from_the_last_synchronisation() -> None:
    payer, payee = Party(fen=100), Party(PAYEE, days=30)
    edge_ms = NOW_MS + 7 * DAY_MS
    payer.purse = news.raise_floor(payer.purse, time_message(edge_ms))
    transfer(payer, payee, 1)
    payer.purse = news.raise_floor(payer.purse, time_message(edge_ms + 1))
    request = payee.ask(1)
    refusal = refusal_of(lambda: payer.pay(request))
    assert (refusal.code, refusal.fields) == (Code.PURSE_NOT_SYNCHRONISED, {"days_max": 7})
    assert refusal_of(lambda: payer.ask(1)).code is Code.PURSE_NOT_SYNCHRONISED
    payer.synchronise(edge_ms + 1)
    transfer(payer, payee, 1)


def test_a_purse_that_waits_for_synchronisation_collects_nothing_but_hands_in_and_unloads() -> None:
    payer, payee = Party(fen=100, days=60), Party(PAYEE, fen=10)
    payment = payer.pay(payee.ask(1))
    payee.purse = news.raise_floor(payee.purse, time_message(NOW_MS + 8 * DAY_MS))
    assert refusal_of(lambda: payee.collect(payment)).code is Code.PURSE_NOT_SYNCHRONISED
    payee.unload(10)
    assert payee.log().fault is None


def test_a_certificate_ends_at_its_end() -> None:
    payer = Party(fen=100, days=400)
    other = Party(PAYEE, days=400, not_after_ms=LATER_MS)
    open_one, early = other.ask(1), other.ask(1)
    payment = payer.pay(early)
    payer.purse = news.raise_floor(payer.purse, time_message(LATER_MS - 1))
    payer.pay(open_one)
    third = other.ask(2)
    payer.purse = news.raise_floor(payer.purse, time_message(LATER_MS))
    refusal = refusal_of(lambda: payer.pay(third))
    assert (refusal.code, refusal.fields) == (Code.DEVICE_EXPIRED, {"ended_ms": LATER_MS})
    other.purse = news.raise_floor(other.purse, time_message(LATER_MS))
    assert refusal_of(lambda: other.ask(1)).code is Code.DEVICE_EXPIRED
    assert refusal_of(lambda: other.collect(payment)).code is Code.DEVICE_EXPIRED


def test_a_request_ends_at_its_end() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    payer.purse = news.raise_floor(payer.purse, time_message(LATER_MS))
    late, in_time = payee.ask(1, expires_ms=LATER_MS), payee.ask(1, expires_ms=LATER_MS + 1)
    assert refusal_of(lambda: payer.pay(late)).code is Code.REQUEST_EXPIRED
    payer.pay(in_time)


def test_g4_a_generation_below_the_oldest_is_not_paid_and_not_believed() -> None:
    payer, payee = Party(fen=100, generation=3), Party(PAYEE, generation=2)
    request = payee.ask(1)
    payer.learn(frame_of([generation_entry(2)]))
    payment = payer.pay(request)
    payer.learn(frame_of([generation_entry(3)], [generation_entry(2)]))
    request = payee.ask(1)
    assert refusal_of(lambda: payer.pay(request)).code is Code.DEVICE_REVOKED
    payee.learn(frame_of([generation_entry(2)]))
    payee.collect(payment)
    payee.learn(frame_of([generation_entry(3)], [generation_entry(2)]))
    assert refusal_of(lambda: payee.ask(1)).code is Code.DEVICE_REVOKED


def test_g4_a_revoked_device_is_not_paid_and_not_believed() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    request, payment = payee.ask(1), payer.pay(payee.ask(1))
    payer.learn(frame_of([revocation_entry(payee.signer.public_key, END_MS)]))
    assert refusal_of(lambda: payer.pay(request)).code is Code.DEVICE_REVOKED
    payee.learn(frame_of([revocation_entry(payer.signer.public_key, END_MS)]))
    assert refusal_of(lambda: payee.collect(payment)).code is Code.DEVICE_REVOKED


@pytest.mark.parametrize(
    ("changes", "is_one"),
    [
        ({"hops": 1}, True),
        ({"hops": HOPS_MAX}, True),
        ({"hops": 0}, False),
        ({"hops": HOPS_MAX + 1}, False),
        ({"in_count": PAYMENTS_MAX - 5}, True),
        ({"in_count": PAYMENTS_MAX - 4}, False),
        ({"not_after_ms": NOW_MS + 366 * DAY_MS}, True),
        ({"not_after_ms": NOW_MS + 366 * DAY_MS + 1}, False),
        ({"not_after_ms": NOW_MS}, False),
        ({"not_before_ms": 2**48 - 2, "not_after_ms": 2**48 - 1}, True),
        ({"not_before_ms": 2**48 - 2, "not_after_ms": 2**48}, False),
        ({"key": b"\x01" + bytes(31)}, False),
        ({"profile": 5}, False),
    ],
)
def test_a_certificate_has_bounds_of_its_own(changes: dict[str, int], *, is_one: bool) -> None:
    operators = certificate(not_after_ms=TIME_MAX_MS)
    chain = chain_of(device_of(PAYER, **changes), operators=operators)
    anchor = Anchor(network=NETWORK, root_key=ROOT.public_key)
    if is_one:
        read_chain(chain, anchor)
    else:
        assert refusal_of(lambda: read_chain(chain, anchor)).code is Code.MALFORMED
