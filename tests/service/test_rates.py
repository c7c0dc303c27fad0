"""Rate limits: each has its own, a flood by one takes nothing from others, memory is bounded."""

import time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.service.rates import Allowance, Rate, RateLimit, UnderWay, source_of

RATE = Rate(per_s=10, burst=5)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit(RATE, clock_s=clock)


def taken(limit: RateLimit, key: object, tries: int, count: int = 1) -> int:
    """Try so often and count what passes."""
    passed = 0
    for _ in range(tries):
        try:
            limit.take(key, count)
        except Refusal:
            continue
        passed += 1
    return passed


def test_a_burst_passes_and_then_the_rate(limit: RateLimit, clock: Clock) -> None:
    assert taken(limit, "a", 20) == 5
    clock.now_s += 0.2
    assert taken(limit, "a", 20) == 2
    clock.now_s += 60
    assert taken(limit, "a", 20) == 5, "a pause saves up no more than the burst"


def test_a_flood_by_one_takes_nothing_from_others(limit: RateLimit) -> None:
    taken(limit, "flood", 10_000)
    assert taken(limit, "other", 5) == 5


def test_waiting_as_long_as_told_is_enough(limit: RateLimit, clock: Clock) -> None:
    taken(limit, "a", 5)
    with pytest.raises(Refusal) as refused:
        limit.take("a", 3)
    wait_ms = int(refused.value.fields["retry_after_ms"])
    clock.now_s += wait_ms / 1000
    limit.take("a", 3)
    assert refused.value.code is Code.BUSY
    assert 300 <= wait_ms <= 301


def test_what_is_more_than_a_burst_passes_a_full_bucket_and_is_paid_for(
    limit: RateLimit, clock: Clock
) -> None:
    limit.take("a", 20)
    clock.now_s += 1.4
    assert taken(limit, "a", 1) == 0
    clock.now_s += 0.2
    assert taken(limit, "a", 1) == 1


def test_checking_takes_nothing_and_charging_asks_nobody(limit: RateLimit, clock: Clock) -> None:
    for _ in range(50):
        limit.check("a")
    limit.charge("a", 10)
    with pytest.raises(Refusal):
        limit.check("a")
    clock.now_s += 0.61
    limit.check("a")


@given(
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 8)), max_size=60),
)
def test_never_more_than_rate_and_burst_pass(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    limit = RateLimit(RATE, clock_s=clock)
    started, passed = clock.now_s, 0
    for pause_s, count in steps:
        clock.now_s += pause_s
        passed += count * taken(limit, "a", 1, min(count, RATE.burst)) if count <= 5 else 0
        assert passed <= RATE.burst + RATE.per_s * (clock.now_s - started) + 1e-6


def test_memory_stays_bounded_and_who_keeps_asking_is_not_forgotten(clock: Clock) -> None:
    limit = RateLimit(RATE, keys_max=1_000, clock_s=clock)
    for number in range(20_000):
        limit.take(number)
        taken(limit, "flood", 1)
        assert len(limit) <= 1_001
    assert taken(limit, "flood", 1) == 0


def test_nobody_holds_more_than_a_share_of_what_is_under_way() -> None:
    under_way = UnderWay(10, retry_after_ms=7)
    with under_way.hold("one", 8):
        with pytest.raises(Refusal) as refused, under_way.hold("one", 3):
            pass
        assert refused.value.fields == {"retry_after_ms": 7}
        with under_way.hold("other", 100), under_way.hold("one", 2):
            pass
    with under_way.hold("one", 11):
        pass


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::nonsense::", "::nonsense::"),
    ],
)
def test_one_host_counts_once_whatever_address_it_takes(host: str, source: str) -> None:
    assert source_of(host) == source


@pytest.mark.parametrize(("per_s", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_that_lets_nothing_pass_is_refused(per_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match="lets something pass"):
        Rate(per_s=per_s, burst=burst)


def test_counting_an_order_costs_about_a_microsecond() -> None:
    limit = RateLimit(Rate(per_s=1e9, burst=1_000_000_000))
    keys = [(number, "203.0.113.7") for number in range(10_000)]
    best_s = min(_seconds(limit, keys) for _ in range(5))
    assert best_s / len(keys) < 5e-6, "measured 0.5 µs; five times that on a busy machine"


def _seconds(limit: RateLimit, keys: list[tuple[int, str]]) -> float:
    started = time.perf_counter()
    for key in keys:
        limit.take(key)
    return time.perf_counter() - started


def test_work_that_costs_more_than_the_burst_is_done_once_and_then_paid_off(
    limit: RateLimit, clock: Clock
) -> None:
    work, other = Allowance(limit, "a"), Allowance(limit, "b")
    work.check()
    work.charge(99.5)
    with pytest.raises(Refusal) as refused:
        work.check()
    assert refused.value.code is Code.BUSY
    other.check()
    clock.now_s += 9.4
    with pytest.raises(Refusal):
        work.check()
    clock.now_s += 0.2
    work.check()


def test_without_a_limit_something_is_always_left() -> None:
    free = Allowance(None, "a")
    free.charge(10**9)
    free.check()
