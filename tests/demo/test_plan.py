"""The plan's promise: whatever the order of events, what must settle settles."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jiaozi.central_bank.rulebook.model import ClassLimits
from jiaozi.demo.plan import PEOPLE_MIN, Plan, draw_plan
from jiaozi.protocol.refusals import Code

YUAN = 100
LIMITS = {
    1: ClassLimits(),
    2: ClassLimits(balance_cap_fen=500_000 * YUAN, single_fen=50_000 * YUAN),
    3: ClassLimits(balance_cap_fen=20_000 * YUAN, single_fen=5_000 * YUAN, day_fen=10_000 * YUAN),
    4: ClassLimits(balance_cap_fen=10_000 * YUAN, single_fen=2_000 * YUAN, day_fen=5_000 * YUAN),
}

plans = st.builds(
    lambda people, seed: draw_plan(
        people=people, payments=3 * people, operators=(1001, 1002), limits=LIMITS, seed=seed
    ),
    people=st.integers(PEOPLE_MIN, 60),
    seed=st.integers(0, 2**32),
)


@settings(deadline=None, max_examples=30)
@given(plan=plans)
def test_nobody_spends_what_may_not_be_there_yet(plan: Plan) -> None:
    for person in plan.people:
        spent = sum(each.amount_fen for each in plan.payments if each.payer == person.index)
        assert spent <= person.exchange_fen + person.salary_fen - person.kept_fen
        assert person.redeem_fen <= person.balance_fen - person.kept_fen


@settings(deadline=None, max_examples=30)
@given(plan=plans)
def test_no_cap_can_be_passed_even_if_all_that_comes_in_comes_first(plan: Plan) -> None:
    for person in plan.people:
        received = sum(each.amount_fen for each in plan.payments if each.payee == person.index)
        spent = sum(each.amount_fen for each in plan.payments if each.payer == person.index)
        limits = LIMITS[person.wallet_class]
        if limits.balance_cap_fen is not None:
            assert person.exchange_fen + person.salary_fen + received <= limits.balance_cap_fen
        if limits.day_fen is not None:
            assert spent <= limits.day_fen


@settings(deadline=None, max_examples=30)
@given(plan=plans)
def test_what_is_refused_on_purpose_cannot_settle(plan: Plan) -> None:
    for each in plan.refused:
        payer, payee = plan.people[each.payer], plan.people[each.payee]
        match each.refusal:
            case Code.LIMIT_SINGLE:
                assert each.amount_fen == 2_000 * YUAN + 1
                assert payer.wallet_class == 4
            case Code.INSUFFICIENT_FUNDS:
                assert each.amount_fen > payer.exchange_fen + payer.salary_fen + payer.in_fen
            case Code.PAYEE_CANNOT_RECEIVE:
                assert each.amount_fen == 10_000 * YUAN + 1
                assert payee.wallet_class == 4
                assert payer.kept_fen >= each.amount_fen
            case _:
                assert each.signer not in (None, each.payer)
