"""A purse is certified for longer, with the limits that it had."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from jiaozi.protocol.offline.certificate import Chain, Profile, PurseLimits
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.offline.desk import renew_if_due
from jiaozi.wallet.offline.issue import renew
from jiaozi.wallet.wallet import Wallet
from tests.protocol.builders import ALICE, NETWORK
from tests.protocol.offline_builders import (
    END_MS,
    LIMITS,
    OPERATOR,
    OTHER_CERTIFY_SEED,
    PAYER,
    chain_of,
    device_of,
)
from tests.wallet.fake_operator import FakeOperator
from tests.wallet.purses import made

LOWER = {"balance_fen": LIMITS.balance_fen - 100, "payment_fen": LIMITS.payment_fen - 1}


@dataclass
class Desk:
    """Certifies what its rulebook allows, until a later day."""

    rulebook: PurseLimits = LIMITS
    asked: list[Enrolment] = field(default_factory=list)

    async def certify(self, message: bytes) -> Chain:
        enrolment, _, _ = read_enrolment(message, NETWORK)
        self.asked.append(enrolment)
        most = asdict(self.rulebook)
        if any(value > most[name] for name, value in enrolment.limits.items()):
            raise refuse(Code.DEVICE_LIMITS_TOO_HIGH)
        limits = {**most, **enrolment.limits}
        return chain_of(
            device_of(PAYER, profile=enrolment.profile, not_after_ms=END_MS + 1, **limits)
        )


async def test_a_renewed_purse_keeps_its_limits_and_its_money(tmp_path: Path) -> None:
    desk = Desk()
    with made(tmp_path / "purse", PAYER, fen=500, profile=Profile.SOFTWARE, **LOWER) as purse:
        await renew(purse, OPERATOR, ALICE, desk.certify)
        view = purse.view()
    assert view.device.not_after_ms == END_MS + 1
    assert view.device.limits == replace(LIMITS, **LOWER)
    assert (view.device.profile, view.balance_fen) == (Profile.SOFTWARE, 500)
    assert [(each.operator, each.wallet) for each in desk.asked] == [(OPERATOR, ALICE)]


async def test_where_the_rulebook_allows_less_by_now_a_purse_gets_that(tmp_path: Path) -> None:
    desk = Desk(replace(LIMITS, days=LIMITS.days - 1))
    with made(tmp_path / "purse", PAYER, fen=500, **LOWER) as purse:
        await renew(purse, OPERATOR, ALICE, desk.certify)
        assert purse.view().device.limits == desk.rulebook


async def test_a_purse_that_is_not_certified_stays_as_it_is(tmp_path: Path) -> None:
    async def refused(_: bytes) -> Chain:
        raise refuse(Code.NOT_SERVED)

    with made(tmp_path / "purse", PAYER, fen=500) as purse:
        before = purse.view()
        with pytest.raises(Refusal) as refusal:
            await renew(purse, OPERATOR, ALICE, refused)
        assert (refusal.value.code, purse.view()) == (Code.NOT_SERVED, before)


async def test_a_purse_takes_its_certificate_by_another_key_as_soon_as_a_desk_gives_one(
    wallet: Wallet, operator: FakeOperator, tmp_path: Path
) -> None:
    """Each synchronisation asks; what cannot be had now is had the next time."""
    with made(tmp_path / "purse", PAYER, fen=500) as purse:
        before = purse.view()
        await renew_if_due(wallet, purse)
        operator.chain = before.chain
        await renew_if_due(wallet, purse)
        assert purse.view() == before
        operator.chain = chain_of(device_of(PAYER), certify_seed=OTHER_CERTIFY_SEED)
        await renew_if_due(wallet, purse)
        assert (purse.view().chain, purse.view().balance_fen) == (operator.chain, 500)
