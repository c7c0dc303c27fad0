"""A registry that holds the block key writes what it likes: hashes and signatures are in order.

What it cannot make is other people's signatures, nor money.
"""

from dataclasses import replace

import pytest

from jiaozi.central_bank.audit.model import Rule
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse, submission
from jiaozi.protocol.refusals import SETTLED, Code
from jiaozi.protocol.suites import Ed25519Signer
from tests.audit.forgery import Forger
from tests.audit.story import (
    EXCHANGE,
    FUND,
    ISSUE,
    LAST,
    NAMING,
    PAY,
    REFUSED,
    ROTATED,
    SECOND_KEY,
    Story,
    vault,
)
from tests.registry.builders import new_wallet
from tests.registry.network import QUOTA_FEN, UNLIMITED, certified, key, person

THIEF = key("thief")


def issue(story: Story, *signers: Ed25519Signer) -> bytes:
    """Issues 1 yuan to operator 1001 under anyone's keys."""
    orders = story.orders
    legs = [orders.leg(numbers.ISSUANCE, vault(1001), 1_00)]
    return orders.sign(orders.head(OrderType.ISSUE), signers, legs)


async def test_it_cannot_spend_with_a_foreign_key(forger: Forger, story: Story) -> None:
    thief = replace(story.payer, signer=THIEF)
    at = forger.add(LAST, story.orders.payment(thief, story.payee, 1))
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_it_cannot_spend_without_a_signature(forger: Forger, story: Story) -> None:
    order = parse(story.orders.payment(story.payer, story.payee, 1))
    at = forger.add(LAST, submission(order.cose[:-64] + bytes(64), order.legs))
    await forger.expect(Rule.ORDER_SIGNATURE, LAST, at)


async def test_it_cannot_use_an_order_of_another_network(forger: Forger, story: Story) -> None:
    elsewhere = replace(story.orders, network=NetworkId(bytes(32)))
    at = forger.add(LAST, elsewhere.payment(story.payer, story.payee, 1))
    await forger.expect(Rule.ORDER_SIGNATURE, LAST, at)


async def test_it_cannot_change_the_legs_of_an_order(forger: Forger, story: Story) -> None:
    order, outcome = forger.items(PAY)[0]
    leg = story.orders.leg(story.payer.number, story.payee.number, 90_00)
    forged = submission(parse(order).cose, [leg])
    forger.rewrite(PAY, [(forged, outcome), *forger.items(PAY)[1:]])
    await forger.expect(Rule.ORDER, PAY, 0)


async def test_every_debited_account_signs(forger: Forger, story: Story) -> None:
    orders, payer, careful = story.orders, story.payer, story.careful
    legs = [
        orders.leg(payer.number, story.payee.number, 1),
        orders.leg(careful.number, story.payee.number, 1),
    ]
    head = orders.head(OrderType.PAYMENT)
    at = forger.add(LAST, orders.sign(head, [payer.signer, THIEF], legs))
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_nobody_signs_who_need_not(forger: Forger, story: Story) -> None:
    orders = story.orders
    legs = [orders.leg(story.payer.number, story.payee.number, 1)]
    at = forger.add(
        LAST, orders.sign(orders.head(OrderType.PAYMENT), [story.payer.signer, THIEF], legs)
    )
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_above_the_holders_amount_the_operator_signs_too(
    forger: Forger, story: Story
) -> None:
    orders, careful = story.orders, story.careful
    below = orders.payment(careful, story.payee, 5_00)
    legs = [orders.leg(careful.number, story.payee.number, 5_01)]
    right = [careful.signer, story.keys.certify(1001)]
    above = orders.sign(orders.head(OrderType.PAYMENT), right, legs)
    wrong = [careful.signer, story.keys.certify(1002)]
    by_other = orders.sign(orders.head(OrderType.PAYMENT), wrong, legs)
    at = forger.add(LAST, below, above, by_other, orders.payment(careful, story.payee, 5_01))
    differences = (await forger.audit()).differences
    assert [(each.rule, each.position) for each in differences] == [
        (Rule.SIGNERS, at + 2),
        (Rule.SIGNERS, at + 3),
    ]


async def test_above_the_holders_amount_the_operator_signs_a_redemption_too(
    forger: Forger, story: Story
) -> None:
    orders, careful = story.orders, story.careful
    at = forger.add(LAST, orders.redeem(careful, 5_00), orders.redeem(careful, 5_01))
    await forger.expect(Rule.SIGNERS, LAST, at + 1)


async def test_it_cannot_burn_an_id_of_an_account_by_a_refusal(
    forger: Forger, story: Story
) -> None:
    thief = replace(story.payer, signer=THIEF)
    order = story.orders.payment(thief, story.payee, 1)
    at = forger.add(LAST, order, outcome=(int(Code.ACCOUNT_CLOSED),))
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_an_issue_takes_two_officers(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, issue(story, ROTATED, story.keys.officers[0]))
    assert "1 of 2 OFFICER" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_two_keys_of_one_person_are_one_approval(forger: Forger, story: Story) -> None:
    vault_key = ROTATED
    at = forger.add(LAST, issue(story, vault_key, story.keys.officers[0], SECOND_KEY))
    assert "1 of 2 OFFICER" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_an_issue_takes_the_operators_vault_key(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, issue(story, *story.keys.officers[:2]))
    assert "OPERATOR_VAULT" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_an_issue_takes_the_key_in_the_vaults_account(forger: Forger, story: Story) -> None:
    replaced = story.keys.vault(1001)
    at = forger.add(LAST, issue(story, replaced, *story.keys.officers[:2]))
    assert "vault's account" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_an_issue_takes_no_other_operators_key(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, issue(story, story.keys.vault(1002), *story.keys.officers[:2]))
    assert "operator 1002" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_a_revoked_officer_approves_nothing(forger: Forger, story: Story) -> None:
    signers = (ROTATED, story.keys.officers[0], story.keys.officers[2])
    at = forger.add(LAST, issue(story, *signers))
    assert "revoked" in await forger.expect(Rule.SIGNERS, LAST, at)


async def test_the_same_officer_could_approve_before(forger: Forger, story: Story) -> None:
    signers = (story.keys.vault(1001), story.keys.officers[0], story.keys.officers[2])
    forger.add(ISSUE, issue(story, *signers))
    first = await forger.first_difference()
    assert (first.rule, first.height) == (Rule.STATE_HASH, NAMING)


async def test_a_vault_key_that_was_replaced_spends_nothing(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, story.orders.exchange(story.payer, 1))
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_a_certificate_that_has_run_out_approves_nothing(
    forger: Forger, story: Story
) -> None:
    time_ms = story.orders.now_ms() + 3650 * DAY_MS
    late = replace(story.orders, now_ms=lambda: time_ms)
    legs = [late.leg(numbers.SETTLEMENT, numbers.reserve_of(1001), 1)]
    order = late.sign(late.head(OrderType.FUND_RESERVE), story.keys.officers[:2], legs)
    forger.rewrite(LAST, [(order, SETTLED)], time_ms=time_ms)
    differences = (await forger.audit()).differences
    assert [each.rule for each in differences] == [Rule.BLOCK_SIGNATURE, Rule.SIGNERS]
    assert all("not valid at block time" in each.detail for each in differences)


async def test_it_cannot_settle_an_order_twice(forger: Forger) -> None:
    order, outcome = forger.items(PAY)[0]
    at = forger.add(LAST, order, outcome=outcome)
    assert f"order 0 at height {PAY}" in await forger.expect(Rule.ORDER_ID, LAST, at)


async def test_it_cannot_settle_an_order_twice_in_one_block(forger: Forger) -> None:
    order, outcome = forger.items(LAST)[0]
    at = forger.add(LAST, order, outcome=outcome)
    await forger.expect(Rule.ORDER_ID, LAST, at)


async def test_it_cannot_settle_what_it_refused(forger: Forger) -> None:
    [(order, _)] = forger.items(REFUSED)
    at = forger.add(LAST, order)
    await forger.expect(Rule.ORDER_ID, LAST, at)


async def test_one_id_stands_for_one_order(forger: Forger, story: Story) -> None:
    order_id = story.orders.new_id()
    one = story.orders.payment(story.payer, story.payee, 1, id=order_id)
    other = story.orders.payment(story.payer, story.payee, 2, id=order_id)
    at = forger.add(LAST, one, other)
    await forger.expect(Rule.ORDER_ID, LAST, at + 1)


async def test_one_id_may_stand_for_orders_of_two_accounts(forger: Forger, story: Story) -> None:
    order_id = story.orders.new_id()
    one = story.orders.payment(story.payer, story.payee, 1, id=order_id)
    other = story.orders.payment(story.payee, story.payer, 1, id=order_id)
    forger.add(LAST, one, other)
    assert (await forger.audit()).verdict == "ok"


async def test_nobody_goes_below_zero(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, story.orders.payment(story.payee, story.payer, 1000_00))
    await forger.expect(Rule.BALANCE, LAST, at)


async def test_money_spent_must_be_there_before_it_is_received(
    forger: Forger, story: Story
) -> None:
    orders, payer, payee = story.orders, story.payer, story.payee
    legs = [
        orders.leg(payee.number, payer.number, 1000_00),
        orders.leg(payer.number, payee.number, 1000_00),
    ]
    signers = [payee.signer, payer.signer]
    at = forger.add(LAST, orders.sign(orders.head(OrderType.PAYMENT), signers, legs))
    await forger.expect(Rule.BALANCE, LAST, at)


async def test_nothing_is_issued_beyond_the_reserve(forger: Forger, story: Story) -> None:
    orders = story.orders
    legs = [orders.leg(numbers.ISSUANCE, vault(1001), 500_01)]
    signers = [ROTATED, *story.keys.officers[:2]]
    at = forger.add(LAST, orders.sign(orders.head(OrderType.ISSUE), signers, legs))
    assert str(numbers.reserve_of(1001)) in await forger.expect(Rule.BALANCE, LAST, at)


async def test_a_refusal_turned_into_a_payment_is_found(forger: Forger) -> None:
    [(order, _)] = forger.items(REFUSED)
    forger.rewrite(REFUSED, [(order, SETTLED)])
    await forger.expect(Rule.BALANCE, REFUSED, 0)


async def test_a_payment_turned_into_a_refusal_is_found_by_the_next_state_hash(
    forger: Forger,
) -> None:
    items = forger.items(PAY)
    forger.rewrite(PAY, [(items[0][0], (int(Code.ACCOUNT_CLOSED),)), *items[1:]])
    await forger.expect(Rule.STATE_HASH, NAMING)


async def test_a_forgotten_payment_is_found_by_the_next_state_hash(forger: Forger) -> None:
    forger.rewrite(PAY, forger.items(PAY)[1:])
    await forger.expect(Rule.STATE_HASH, NAMING)


async def test_a_reserve_that_was_never_funded_is_found(forger: Forger) -> None:
    forger.rewrite(FUND, [])
    await forger.expect(Rule.BALANCE, ISSUE, 0)


async def test_a_wallet_that_was_never_opened_has_nothing(forger: Forger, story: Story) -> None:
    stranger = new_wallet(1002, 999)
    at = forger.add(
        LAST,
        story.orders.payment(story.payer, stranger, 1),
        story.orders.payment(stranger, story.payer, 1),
    )
    differences = (await forger.audit()).differences
    assert [(each.rule, each.position) for each in differences] == [
        (Rule.EFFECT, at),
        (Rule.SIGNERS, at + 1),
        (Rule.EFFECT, at + 1),
    ]


@pytest.mark.parametrize(
    "outcome", [(1,), (int(Code.BUSY), 5), (250,), (0, 0), (int(Code.INSUFFICIENT_FUNDS),), (199,)]
)
async def test_an_outcome_is_settled_or_a_final_refusal(
    forger: Forger, story: Story, outcome: tuple[int, ...]
) -> None:
    order = story.orders.payment(story.payer, story.payee, 1)
    at = forger.add(LAST, order, outcome=outcome)
    await forger.expect(Rule.OUTCOME, LAST, at)


async def test_an_order_stands_in_a_block_while_it_is_alive(forger: Forger, story: Story) -> None:
    orders, pay = story.orders, (story.payer, story.payee, 1)
    now_ms = orders.now_ms()
    ahead = replace(orders, now_ms=lambda: now_ms + AHEAD_MAX_MS + 1)
    forged = [
        orders.payment(*pay, expires_ms=now_ms),
        ahead.payment(*pay),
        orders.payment(*pay, not_before_ms=now_ms + 1),
    ]
    at = forger.add(LAST, *forged)
    differences = (await forger.audit()).differences
    assert [(each.rule, each.position) for each in differences] == [
        (Rule.ORDER_TIME, at + index) for index in range(3)
    ]


async def test_an_order_may_be_refused_because_it_begins_later(
    forger: Forger, story: Story
) -> None:
    begins_ms = story.orders.now_ms() + 1
    order = story.orders.payment(story.payer, story.payee, 1, not_before_ms=begins_ms)
    forger.add(LAST, order, outcome=(int(Code.NOT_YET_VALID), begins_ms))
    assert (await forger.audit()).verdict == "ok"


async def test_no_wallet_is_opened_twice(forger: Forger, story: Story) -> None:
    at = forger.add(LAST, story.orders.open_account(replace(story.payee, signer=THIEF)))
    assert "which exists" in await forger.expect(Rule.EFFECT, LAST, at)


async def test_a_sub_wallet_is_of_its_parents_holder(forger: Forger, story: Story) -> None:
    stranger = new_wallet(1001, 999)
    order = story.orders.open_account(stranger, parent=story.payer.number)
    at = forger.add(LAST, order)
    assert "another holder" in await forger.expect(Rule.EFFECT, LAST, at)


async def test_no_operator_opens_wallets_of_another(forger: Forger, story: Story) -> None:
    orders = story.orders
    order = orders.sign(
        orders.head(OrderType.OPEN_ACCOUNT), [story.keys.certify(1002)], (),
        number=new_wallet(1001, 999).number, suite=THIEF.suite, key=THIEF.public_key,
        wallet_class=2, holder=1, group=bytes(16),
    )  # fmt: skip
    at = forger.add(LAST, order)
    await forger.expect(Rule.SIGNERS, LAST, at)


async def test_no_operator_exchanges_into_a_wallet_of_another(forger: Forger, story: Story) -> None:
    orders = story.orders
    legs = [orders.leg(vault(1001), story.payee.number, 1)]
    order = orders.sign(orders.head(OrderType.EXCHANGE), [story.keys.vault(1001)], legs)
    at = forger.add(EXCHANGE + 1, order)
    assert "another operator" in await forger.expect(Rule.EFFECT, EXCHANGE + 1, at)


async def test_no_vault_holds_more_than_its_quota(forger: Forger, story: Story) -> None:
    orders = story.orders
    legs = [orders.leg(numbers.ISSUANCE, vault(1001), 1)]
    signers = [ROTATED, *story.keys.officers[:2]]
    issue = orders.sign(orders.head(OrderType.ISSUE), signers, legs)
    at = forger.add(LAST, orders.quota(1001, 1), issue)
    assert "quota" in await forger.expect(Rule.EFFECT, LAST, at + 1)


async def test_control_changes_by_the_rules_alone(forger: Forger, story: Story) -> None:
    orders, keys, network = story.orders, story.keys, story.network
    now_ms = orders.now_ms()
    by_thief = certify(certified(Use.OFFICER, THIEF, person=person(9)), THIEF, network.id)
    forged = [
        orders.sign(orders.head(OrderType.CERTIFY), keys.officers[:2], (), certificate=by_thief),
        orders.certify(certified(Use.OPERATOR_VAULT, keys.vault(1002), 1001)),
        orders.certify(certified(Use.OPERATOR_VAULT, key("early"), 1002, not_before_ms=now_ms + 1)),
        orders.quota(1009, QUOTA_FEN),
        orders.rulebook(bytes(32), now_ms),
        orders.revoke(THIEF.public_key),
        orders.revoke(keys.officers[1].public_key),
    ]
    at = forger.add(LAST, *forged)
    differences = (await forger.audit()).differences
    assert [(each.rule, each.position) for each in differences] == [
        (Rule.EFFECT, at + index) for index in range(len(forged))
    ], differences


@pytest.mark.parametrize(
    ("freeze", "moves"),
    [
        ({"scope": 1}, "pays"),
        ({"scope": 2}, "is paid"),
        ({"scope": 3, "amount_fen": 10**15}, "pays"),
    ],
)
async def test_it_cannot_move_what_is_frozen(
    forger: Forger, story: Story, freeze: dict[str, int], moves: str
) -> None:
    orders, frozen, other = story.orders, story.payer, story.payee
    stop = orders.by_operator(OrderType.OPERATOR_FREEZE, frozen, case=bytes(16), **freeze)
    ends = (frozen, other) if moves == "pays" else (other, frozen)
    at = forger.add(LAST, stop, orders.payment(*ends, 1))
    rule = Rule.BALANCE if "amount_fen" in freeze else Rule.EFFECT
    await forger.expect(rule, LAST, at + 1)


async def test_it_cannot_take_a_mandate_of_a_frozen_wallet(forger: Forger, story: Story) -> None:
    orders, holder = story.orders, story.payer
    stop = orders.by_holder(OrderType.HOLDER_FREEZE, holder, case=bytes(16), scope=1)
    mandate = orders.by_holder(
        OrderType.MANDATE, holder, countersigned_by=1001, mandate=bytes(16),
        suite=THIEF.suite, key=THIEF.public_key, payee=story.payee.number, single_limit_fen=1,
        day_limit_fen=1, expires_at_ms=orders.now_ms() + DAY_MS,
    )  # fmt: skip
    at = forger.add(LAST, stop, mandate)
    await forger.expect(Rule.EFFECT, LAST, at + 1)


async def test_it_cannot_halt_for_longer_than_the_rulebook_allows(
    forger: Forger, story: Story
) -> None:
    halt = story.orders.by_officers(OrderType.HALT, scope=1, until_ms=2**60)
    at = forger.add(LAST, halt)
    first = await forger.first_difference(library={UNLIMITED.hash: UNLIMITED})
    assert (first.rule, first.position) == (Rule.EFFECT, at)
