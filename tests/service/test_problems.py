"""Every refusal can be told over HTTP, and says whether to try again."""

import json

import pytest

from jiaozi.protocol.refusals import CATALOGUE, Code, Retry, refuse
from jiaozi.service.problems import STATUS, problem_of
from jiaozi.storage.errors import CommitUnknown, StorageUnavailable


@pytest.mark.parametrize("code", list(Code))
def test_every_refusal_has_a_problem_document(code: Code) -> None:
    values = range(1, 1 + len(CATALOGUE[code].fields))
    problem = problem_of(refuse(code, *values))
    document = json.loads(problem.body)
    assert problem.status == STATUS[code] == document["status"]
    assert 400 <= problem.status < 600
    assert document["type"] == f"urn:jiaozi:refusal:{code.name.lower()}"
    assert document["code"] == code
    assert document["title"] == CATALOGUE[code].meaning
    assert document["fields"] == dict(zip(CATALOGUE[code].fields, values, strict=True))
    assert document["retry"] == CATALOGUE[code].retry.value


def test_only_what_may_be_sent_again_unchanged_says_when() -> None:
    for code in Code:
        problem = problem_of(refuse(code, *(1 for _ in CATALOGUE[code].fields)))
        waits = "retry-after" in dict(problem.headers)
        assert waits == (CATALOGUE[code].retry is Retry.SAME_ORDER)
        assert waits == (problem.status in (429, 503, 504))


@pytest.mark.parametrize(("wait_ms", "wait_s"), [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")])
def test_busy_says_when_to_come_back_in_whole_seconds(wait_ms: int, wait_s: str) -> None:
    assert dict(problem_of(refuse(Code.BUSY, wait_ms)).headers) == {"retry-after": wait_s}


def test_detail_tells_the_values() -> None:
    detail = problem_of(refuse(Code.LIMIT_DAY, 1_000_000, 250)).document["detail"]
    assert "limit_fen 1000000" in str(detail)
    assert "left_fen 250" in str(detail)


def test_lost_database_is_unavailable_and_a_lost_commit_is_unknown() -> None:
    gone = StorageUnavailable(happened="host 10.0.0.7 is gone.", remedy="")
    for error, code in (
        (gone, Code.UNAVAILABLE),
        (CommitUnknown(happened="", remedy=""), Code.UNKNOWN),
    ):
        problem = problem_of(error)
        assert problem.document["code"] == code
        assert b"10.0.0.7" not in problem.body


def test_unexpected_error_tells_nothing_of_itself() -> None:
    problem = problem_of(KeyError("a secret"))
    assert problem.status == 500
    assert b"secret" not in problem.body
    assert b"nothing that was acknowledged is lost" in problem.body
    assert problem.document["retry"] == "same_order"
    assert problem.document["incident"] != problem_of(KeyError()).document["incident"]
