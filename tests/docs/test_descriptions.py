"""Both services describe themselves completely, and what they show as examples holds."""

from typing import Any

import jsonschema_rs
import pytest

from docs.apis import describe_central_bank, describe_operator
from docs.make_errors import render
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.feed import START, read_block
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import CATALOGUE, SETTLED, Code, refuse
from jiaozi.service import network_examples as shown
from jiaozi.service.openapi import REFUSALS, gaps, operations
from jiaozi.service.problems import problem_of

DESCRIPTIONS = {"operator": describe_operator(), "central bank": describe_central_bank()}


def misfit(described: dict[str, Any], schema: dict[str, Any], example: object) -> str:
    """Why an example does not satisfy its schema; nothing when it does."""
    whole = schema | {"components": described["components"]}
    problem = next(jsonschema_rs.Draft202012Validator(whole).iter_errors(example), None)
    return "" if problem is None else f"{problem.instance_path} {problem.message}"


@pytest.mark.parametrize("service", DESCRIPTIONS)
def test_nothing_is_missing_from_a_description(service: str) -> None:
    described = DESCRIPTIONS[service]
    assert gaps(described) == []
    assert len(list(operations(described))) > 10


@pytest.mark.parametrize("service", DESCRIPTIONS)
def test_every_example_satisfies_its_schema(service: str) -> None:
    described = DESCRIPTIONS[service]
    compared = 0
    for method, path, operation in operations(described):
        where = f"{method} {path}"
        for parameter in operation.get("parameters", ()):
            name, example = parameter["name"], parameter["example"]
            problem = misfit(described, parameter["schema"], example)
            assert not problem, f"{where} {name}: {problem}"
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (each for body in bodies for each in body.get("content", {}).values()):
            examples = [each["value"] for each in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            for example in examples:
                problem = misfit(described, content["schema"], example)
                assert not problem, f"{where}: {problem}"
                compared += 1
    assert compared > 100


@pytest.mark.parametrize("service", DESCRIPTIONS)
def test_the_status_of_every_refusal_is_described_with_its_document(service: str) -> None:
    for method, path, operation in operations(DESCRIPTIONS[service]):
        told = {
            document["value"]["type"].rpartition(":")[2]
            for answer in operation["responses"].values()
            for content in answer.get("content", {}).values()
            for document in content.get("examples", {}).values()
        }
        assert told == set(operation[REFUSALS]), f"{method} {path}"


@pytest.mark.parametrize("code", list(Code))
def test_the_type_of_a_problem_leads_to_its_line_in_the_page_of_refusals(code: Code) -> None:
    problem = problem_of(refuse(code, *(1 for _ in CATALOGUE[code].fields)))
    anchor = str(problem.document["type"]).rpartition(":")[2]
    [line] = [each for each in render().splitlines() if f'<a id="{anchor}"></a>' in each]
    assert line.startswith(f"| {int(code)} ")


def test_the_unexpected_has_its_place_in_the_page_of_refusals() -> None:
    anchor = str(problem_of(AssertionError()).document["type"]).rpartition(":")[2]
    assert f'<a id="{anchor}"></a>' in render()


def test_the_bytes_shown_are_one_payment_that_can_be_checked() -> None:
    network = read_genesis(shown.GENESIS)
    keys = BlockKeys.of_network(network)
    receipt = verify_receipt(shown.RECEIPT, block_keys=keys, network=network.id)
    assert (receipt.outcome, receipt.order.legs[0].amount) == (SETTLED, 12_50)
    data = shown.FEED
    block = read_block(data, operator=1001, before=START, block_keys=keys, network=network.id)
    assert block.header.header.height == receipt.header.height
