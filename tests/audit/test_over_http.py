"""The audit over the central bank's real HTTP API, with the auditor's key and with others."""

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_source
from jiaozi.central_bank.audit.from_http import open_http
from jiaozi.central_bank.audit.sources import SourceUnavailable
from tests.audit.forgery import LIBRARY
from tests.audit.story import LAST, Story
from tests.registry.network import key
from tests.system.proxy import Fault, proxy_to

OPTIONS = AuditOptions(processes=0, library=LIBRARY)


async def test_an_auditor_rebuilds_the_ledgers_over_http(url: str, story: Story) -> None:
    async with open_http(url, story.keys.auditor) as source:
        report = await audit_source(source, OPTIONS)
    assert report.verdict == "ok", report.differences
    assert report.height >= LAST
    assert report.outstanding_fen == 500_00


@pytest.mark.parametrize("whose", ["officer 1", "transport 1001", "nobody's"])
async def test_nobody_else_reads_whole_blocks(url: str, whose: str) -> None:
    async with open_http(url, key(whose)) as source:
        with pytest.raises(SourceUnavailable, match=r"answered 40[13]"):
            await audit_source(source, OPTIONS)


async def test_a_page_that_comes_twice_accuses_nobody(url: str, story: Story) -> None:
    """What answers an earlier question is no answer; it is not taken for a forked chain."""
    async with proxy_to(url) as network, open_http(network.url, story.keys.auditor) as source:
        faults = [Fault.DOUBLE_ANSWER]
        network.weather = lambda _: faults.pop() if faults else None
        [first] = [each async for each in source.headers(1, 1)]
        with pytest.raises(SourceUnavailable, match="no answer"):
            _ = [each async for each in source.headers(2, 2)]
        [second] = [each async for each in source.headers(2, 2)]
    assert network.befallen == {Fault.DOUBLE_ANSWER: 1}
    assert first != second


async def test_an_address_where_no_central_bank_is_gives_no_verdict() -> None:
    with pytest.raises(SourceUnavailable, match="no answer"):
        async with open_http("http://127.0.0.1:1", key("auditor")):
            pass
