"""Whatever is sent to a route: never a failure, never an answer that the description lacks.

The operations are those that the services describe, so a new route is tried without being named
here. Requests come over real HTTP, signed by whoever may and whoever may not.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docs.apis import describe_central_bank, describe_operator
from jiaozi.service.openapi import REFUSALS, operations
from jiaozi.service.problems import PROBLEM_MEDIA_TYPE
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.system.api_network import ApiNetwork, api_network

EXAMPLES, EXAMPLES_LONG = 25, 400
"""Requests to each route; the long form takes up to twelve minutes on a busy machine."""
TIMEOUT_S = 20
STREAM = "text/event-stream"
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DESCRIBED = {"operator": describe_operator(), "central bank": describe_central_bank()}
ROUTES = [
    (service, method, path)
    for service, described in DESCRIBED.items()
    for method, path, _ in operations(described)
]
SCHEMAS = {name: schemathesis.openapi.from_dict(each) for name, each in DESCRIBED.items()}
_NETWORK: list[ApiNetwork] = []


@st.composite
def cbor_bodies(draw: st.DrawFn) -> bytes:
    """Orders, good or damaged, or any bytes."""
    if draw(st.integers(0, 3)) == 0 or not _NETWORK:
        return draw(st.binary(max_size=64))
    body = b"".join(draw(st.lists(st.sampled_from(_NETWORK[0].orders), min_size=1, max_size=2)))
    if draw(st.booleans()):
        return body
    place = draw(st.integers(0, len(body) - 1))
    return body[:place] + draw(st.binary(max_size=3)) + body[place + 1 :]


for _media_type in ("application/cbor", "application/cbor-seq"):
    schemathesis.openapi.media_type(_media_type, cbor_bodies())


@pytest.fixture(scope="module")
def network(postgres: EmbeddedPostgres) -> Iterator[ApiNetwork]:
    with api_network(postgres) as network:
        _NETWORK.append(network)
        yield network
        _NETWORK.clear()


def made_real(draw: st.DrawFn, values: object, known: dict[str, list[Any]]) -> object:
    """Put values that exist in the place of some made-up ones, so that more gets past the door."""
    if not isinstance(values, dict):
        return values
    return {
        name: draw(st.sampled_from(known[name])) if name in known and draw(_MOSTLY) else value
        for name, value in values.items()
    }


_MOSTLY = st.sampled_from([True, True, True, False])


def try_route(network: ApiNetwork, service: str, method: str, path: str, examples: int) -> None:
    """Send a route that many requests, good and bad, and hold each answer to the description."""
    operation = SCHEMAS[service][path][method]
    described = DESCRIBED[service]["paths"][path][method]
    declared = set(described[REFUSALS])
    callers = dict(network.callers[service])
    if any(STREAM in each.get("content", {}) for each in described["responses"].values()):
        del callers["wallet"]  # whoever may listen is answered without an end
    session = requests.Session()
    session.trust_env = False
    takes = bool({"parameters", "requestBody"} & described.keys())
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]
    cases = st.one_of([operation.as_strategy(mode) for mode in modes])

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(cases)
        case.path_parameters = made_real(data.draw, case.path_parameters, network.known)
        case.query = made_real(data.draw, case.query, network.known)
        case.body = made_real(data.draw, case.body, network.known)
        auth = data.draw(st.sampled_from(list(callers.values())))
        response = case.call(
            base_url=network.urls[service], session=session, auth=auth, timeout=TIMEOUT_S
        )
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)
        if response.headers.get("content-type") == [PROBLEM_MEDIA_TYPE]:
            word = response.json()["type"].rpartition(":")[2]
            assert word in declared, f"{word} is not declared: may_refuse() tells it"

    send()


@pytest.mark.parametrize(("service", "method", "path"), ROUTES)
def test_no_failure_and_no_answer_that_is_not_described(
    network: ApiNetwork, service: str, method: str, path: str
) -> None:
    try_route(network, service, method, path, EXAMPLES)


@pytest.mark.chaos
@pytest.mark.parametrize(("service", "method", "path"), ROUTES)
def test_no_failure_and_no_answer_that_is_not_described_at_length(
    network: ApiNetwork, service: str, method: str, path: str
) -> None:
    try_route(network, service, method, path, EXAMPLES_LONG)


@pytest.mark.parametrize("service", DESCRIBED)
def test_what_is_served_is_what_the_reference_is_made_from(
    network: ApiNetwork, service: str
) -> None:
    served = requests.get(f"{network.urls[service]}/openapi.json", timeout=TIMEOUT_S).json()
    assert served == DESCRIBED[service]


@pytest.mark.parametrize(("service", "method", "path"), ROUTES)
def test_a_route_that_is_described_as_signed_takes_nothing_unsigned(
    network: ApiNetwork, service: str, method: str, path: str
) -> None:
    operation = DESCRIBED[service]["paths"][path][method]
    url, query = path, {}
    for each in operation.get("parameters", ()):
        url = url.replace(f"{{{each['name']}}}", str(each["example"]))
        if each["in"] == "query" and each.get("required"):
            query[each["name"]] = each["example"]
    body = operation.get("requestBody", {}).get("content", {})
    sent = {"json": body["application/json"]["example"]} if "application/json" in body else {}
    answer = requests.request(
        method, network.urls[service] + url, params=query, timeout=TIMEOUT_S, stream=True, **sent
    )
    assert (answer.status_code == 401) == bool(operation.get("security")), answer.text
