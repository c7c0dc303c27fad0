"""Bodies under way are counted for their addresses, and nothing is kept of who sent none."""

import pytest

from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.service.bodies import Body, Budget


async def read(budget: Budget, source: str, data: bytes) -> Body:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": data, "more_body": False}

    body = Body(budget, source, [])
    assert await body.read(receive, bytes_max=100, timeout_s=1) == data
    return body


async def test_an_address_counts_as_long_as_its_body_is_under_way() -> None:
    budget = Budget(10)
    body = await read(budget, "a", b"12345")
    assert len(budget) == 1
    with pytest.raises(Refusal) as refused:
        await read(budget, "a", b"6")
    assert refused.value.code is Code.BUSY
    body.release()
    assert len(budget) == 0


async def test_an_address_that_sent_nothing_is_forgotten() -> None:
    budget = Budget(10)
    for number in range(100):
        (await read(budget, f"2001:db8:{number:x}::", b"")).release()
    assert len(budget) == 0
