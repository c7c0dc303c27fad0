"""What the pages of operations name is there: metrics, alerts, runbooks, settings."""

import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from docs.make_settings import PAGE, render
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.worker.serve import WorkerSettings, open_worker
from jiaozi.protocol.genesis import read_genesis
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import operator_world
from tests.registry.network import Keys
from tests.registry.served import genesis_for, served_registry
from tests.registry.waiting import until

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOKS = DOCS / "runbooks"
ALERTS = DOCS / "alerts.yml"
DASHBOARDS = sorted((DOCS / "grafana").glob("*.json"))
PROMETHEUS_OWN = {"up"}
_METRIC = re.compile(r"\b(?:jiaozi|process|python)_[a-z_]+\b|\bup\b(?=\{)")
_FIGURE = re.compile(r"^([a-z_]+)(?:\{| )", re.MULTILINE)


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        yield from group["rules"]


def expressions_of(dashboard: Path) -> Iterator[str]:
    for panel in json.loads(dashboard.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


async def scrape(url: str) -> set[str]:
    """The names of all figures of a service, as Prometheus reads them."""
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(f"{url}/v1/orders", content=b"")  # some figures begin with a request
        await http.get(f"{url}/healthz")

        async def has_figures() -> bool:
            text = (await http.get(f"{url}/metrics")).text
            return "jiaozi_http_requests_total" in text

        await until(has_figures)
        return set(_FIGURE.findall((await http.get(f"{url}/metrics")).text))


@pytest.fixture
async def exported(database_dsn: str, postgres: EmbeddedPostgres) -> set[str]:
    """What a registry, its worker and an operator export."""
    genesis, keys = genesis_for(Keys()), Keys()
    operators = await postgres.create_database("figures_operator")
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(served_registry(database_dsn, genesis))
        found = await scrape(str(served.http.base_url).rstrip("/"))
        settings = WorkerSettings(
            dsn=database_dsn,
            network=read_genesis(genesis).id,
            block_signers=BlockSigners([keys.block]),
        )
        worker = await stack.enter_async_context(open_worker(settings))
        server = await stack.enter_async_context(listening(worker, drain_timeout_s=1))
        found |= await scrape(server.url)
        operator = await stack.enter_async_context(operator_world(operators))
        found |= await scrape(str(operator.http.base_url).rstrip("/"))
    await postgres.drop_database("figures_operator")
    return found


async def test_every_metric_of_alerts_and_dashboards_is_exported(exported: set[str]) -> None:
    named = [each["expr"] for each in rules()]
    for dashboard in DASHBOARDS:
        named += expressions_of(dashboard)
    assert len(named) > 30
    for expression in named:
        metrics = set(_METRIC.findall(expression)) - PROMETHEUS_OWN
        assert metrics or "up{" in expression, expression
        assert metrics <= exported, metrics - exported


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_it_is_and_names_its_page(rule: dict[str, Any]) -> None:
    page = DOCS / rule["annotations"]["runbook"]
    assert page.exists()
    assert page.parent == RUNBOOKS
    assert f"`{rule['alert']}`" in (RUNBOOKS / "README.md").read_text("utf-8")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_runbook_is_listed_and_says_what_to_do_and_when_it_is_over() -> None:
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    for page in set(RUNBOOKS.glob("*.md")) - {RUNBOOKS / "README.md"}:
        text = page.read_text("utf-8")
        assert f"({page.name})" in index
        assert "\n## Over when\n" in text, page.name
        assert "\n## Do" in text or "\n## Look" in text, page.name
        assert len(text.splitlines()) < 60, f"{page.name}: one page"


def test_metrics_that_runbooks_name_are_charted() -> None:
    charted = "".join(ALERTS.read_text("utf-8")) + "".join(
        each for dashboard in DASHBOARDS for each in expressions_of(dashboard)
    )
    for page in RUNBOOKS.glob("*.md"):
        for metric in re.findall(r"jiaozi_[a-z_]+", page.read_text("utf-8")):
            assert metric in charted, f"{metric} of {page.name}"


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text("utf-8") == render(), "run `make docs`"
