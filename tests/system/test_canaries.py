"""Words that nobody may repeat, put into every place of every route of both services.

The routes are those of /openapi.json, so that a new one cannot be forgotten. Each is asked as it
should be and as it should not, by nobody, by a stranger and by whom it is for; then logs, figures,
spans, bodies of errors and both databases are searched for what was put in.
"""

import copy
import json
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service import traces
from jiaozi.service.logs import configure_logs
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import network_databases
from tests.operator.builders import OperatorWorld, operator_keys, operator_world
from tests.operator.test_end_to_end import real_registry
from tests.registry.network import OPERATORS
from tests.system.canaries import found_in, tables

WORD, NAME, NUMBER = "Kanarienvogel-4711-zq", "欧阳金丝雀", "510104199007079999"
CLERK, BRANCH, PHONE = "Clerk-Canary-9317", "Chunxi-Road-Canary", "+8613987654321"
CANARIES = (WORD, NAME, NUMBER, CLERK, BRANCH, PHONE, PHONE[3:])
"""What is put into requests, and stays with whoever put it there."""
PIN, WRONG_PIN = "730592", "184206"
SEED = b"Seed-of-a-wallet-that-is-secret!"
HEADERS = {
    "User-Agent": WORD,
    "X-Request-Id": WORD,
    "Referer": f"https://{WORD}/",
    "Cookie": f"session={WORD}",
    "Authorization": f"Bearer {WORD}",
    "Tracestate": f"canary={WORD.lower()}",
    "Baggage": f"name={WORD}",
    "Traceparent": f"00-{'4b' * 16}-{'7a' * 8}-01",
}
Json: TypeAlias = Any
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class Service:
    """A served party, and who may ask it."""

    name: str
    http: httpx.AsyncClient
    network: bytes
    callers: dict[str, tuple[Ed25519Signer, str] | None]
    values: dict[str, str]
    refused: dict[str, bytes] = field(default_factory=dict)
    """Bodies of errors by the request that they answered."""
    asked: set[tuple[str, str]] = field(default_factory=set)

    async def ask(
        self, method: str, url: str, body: bytes, content_type: str, who: str, nonce: str
    ) -> None:
        """Send one request, and keep the answer if it is an error."""
        caller = self.callers[who]
        headers = {NETWORK_HEADER: self.network.hex(), "Content-Type": content_type}
        if caller is not None:
            signer, key_id = caller
            headers |= sign_request(
                method=method, url=url, headers=headers, body=body, signer=signer, key_id=key_id,
                created_s=int(time.time()), nonce=nonce,
            )  # fmt: skip
        request = self.http.build_request(method, url, content=body, headers=headers | HEADERS)
        answer = await self.http.send(request, stream=True)
        if answer.status_code >= 400:
            content = await answer.aread()
            assert answer.status_code != 500, f"{method} {url} by {who}: {content.decode()}"
            self.refused[f"{self.name}: {method} {url} by {who}: {body!r}"] = content
        await answer.aclose()


def sample(schema: dict[str, Any], root: dict[str, Any]) -> Json:
    """A value that a schema allows, out of its own examples where there are some."""
    if "$ref" in schema:
        return sample(root["components"]["schemas"][schema["$ref"].rpartition("/")[2]], root)
    for key in ("example", "const", "default"):
        if schema.get(key) not in (None, {}):
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], root)
    match schema.get("type"):
        case "object":
            return {name: sample(each, root) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema["items"], root)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return schema["enum"][0] if "enum" in schema else WORD


def leaves(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a document."""
    match value:
        case dict():
            for name, each in value.items():
                yield from leaves(each, (*path, name))
        case list():
            for place, each in enumerate(value):
                yield from leaves(each, (*path, place))
        case _:
            yield path


def with_canaries(document: Json) -> Iterator[Json]:
    """The document with each of its values in turn replaced by a canary, and with all of them."""
    everywhere = copy.deepcopy(document)
    for number, path in enumerate(leaves(document)):
        for one in (changed := copy.deepcopy(document), everywhere):
            place = one
            for part in path[:-1]:
                place = place[part]
            if path:
                place[path[-1]] = CANARIES[number % len(CANARIES)]
        yield changed
    yield everywhere
    if isinstance(document, dict):
        yield {**document, "surprise": {"name": NAME, "number": NUMBER}}


def bodies(operation: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[bytes, str]]:
    """Bodies for an operation, right and wrong, with the type that they claim to be."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        yield b"", "application/json"
        return
    for media_type, described in content.items():
        yield f"{WORD} {NAME} {NUMBER}".encode(), media_type
        yield b'{"name": "' + NAME.encode(), media_type
        if media_type != "application/json":
            yield b"\x82" + bytes([0x60 + len(WORD)]) + WORD.encode() + b"\x01", media_type
            continue
        document = sample(described.get("schema", {}), root)
        yield json.dumps(document).encode(), media_type
        for each in with_canaries(document):
            yield json.dumps(each, ensure_ascii=False).encode(), media_type


def urls(path: str, operation: dict[str, Any], values: dict[str, str]) -> Iterator[str]:
    """Addresses of an operation: as it should be, and with a canary in each parameter in turn."""
    names = re.findall(r"\{(\w+)\}", path)
    filled = {name: values.get(name, WORD) for name in names}
    yield path.format(**filled)
    for name in names:
        yield path.format(**{**filled, name: WORD})
        yield path.format(**{**filled, name: httpx.URL(f"http://x/{NAME}").raw_path[1:].decode()})
    for each in operation.get("parameters", []):
        if each["in"] == "query":
            yield f"{path.format(**filled)}?{each['name']}={WORD}&also={NUMBER}"


async def walk(service: Service) -> None:
    """Ask every operation that a service describes, in every way."""
    described = (await service.http.get("/openapi.json")).json()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            for who in service.callers:
                first, *others = bodies(operation, described)
                for number, url in enumerate(urls(path, operation, service.values)):
                    sent: Iterable[tuple[bytes, str]] = [first, *others] if not number else [first]
                    for body, media_type in sent:
                        await service.ask(
                            method.upper(), url, body, media_type, who, secrets.token_hex(8)
                        )
            service.asked.add((method, path))
    for who in service.callers:
        await service.ask("GET", f"/{WORD}?name={NUMBER}", b"", "text/plain", who, WORD)


async def tell_everything(world: OperatorWorld) -> tuple[Ed25519Signer, str, list[str]]:
    """A customer shows and does all that there is; returns its codes and PINs too."""
    await world.fund(PHONE, 1)
    deposit_id = await world.fund(PHONE, 100_00)
    caller = world.new_caller()
    caller.signer = Ed25519Signer(SEED)
    caller.key_id = caller.signer.public_key.hex()
    body = await world.opening(
        PHONE,
        caller,
        wallet_class=1,
        evidence={
            "identity_document": {"type": "resident-identity-card", "number": NUMBER, "name": NAME},
            "deposit_id": deposit_id,
            "counter_attestation": {"branch": BRANCH, "clerk": CLERK},
        },
    )
    wrong = {**body, "code": f"{(int(body['code']) + 1) % 10**6:06d}"}
    assert (await caller.ask("POST", "/v1/wallets", wrong)).status_code == 422
    answer = await caller.ask("POST", "/v1/wallets", body)
    assert answer.status_code == 201, answer.text
    holder = world.holder(caller, answer.json()["number"], PHONE)
    holder.deposit_id = deposit_id
    await holder.exchange(50_00)
    await holder.redeem(holder.redeem_order(10_00))
    payee = await world.open_wallet()
    await holder.pay(payee.number, 1_00)
    assert PHONE in (await holder.ask("GET", f"{holder.path}/export")).text
    pin = {"change_id": "4b" * 16, "pin": PIN}
    assert (await holder.ask("POST", f"{holder.path}/pin", pin)).status_code == 200
    for tried, status in ((WRONG_PIN, 403), (PIN, 200)):
        countersigning = holder.countersigning(holder.redeem_order(1), tried)
        answer = await holder.ask("POST", f"{holder.path}/countersignatures", countersigning)
        assert answer.status_code == status, answer.text
    return holder.signer, holder.key_id, [str(body["code"]), wrong["code"], PIN, WRONG_PIN]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Whatever the services record in this test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "_tracer", lambda: provider.get_tracer("jiaozi"))
    return exporter


@dataclass
class Site:
    """Both services and their databases."""

    central_bank: Service
    operator: Service
    registry_dsn: str
    operator_dsn: str
    codes: list[str]
    secrets: list[str]


@pytest.fixture
async def site(
    postgres: EmbeddedPostgres,
    spans: InMemorySpanExporter,
    capsys: pytest.CaptureFixture[str],  # what is logged goes where it points to by now
) -> AsyncIterator[Site]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("both", level="DEBUG")
    async with AsyncExitStack() as stack:
        names = [f"canaries_{name}" for name in ("registry", "operator")]
        dsns = await network_databases(postgres, names)
        for name in names:
            stack.push_async_callback(postgres.drop_database, name)
        registry: Any = await stack.enter_async_context(real_registry(dsns[0]))
        world = await stack.enter_async_context(
            operator_world(dsns[1], registry, keys=operator_keys(registry.keys))
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=registry.url, timeout=30, trust_env=False)
        )
        signer, key_id, codes = await tell_everything(world)
        stranger = Ed25519Signer(secrets.token_bytes(32))
        values = {"number": key_id, "account": key_id, "order_id": secrets.token_hex(16)}
        transport, auditor = registry.keys.transport(OPERATORS[0]), registry.keys.auditor
        keys = world.settings.keys
        yield Site(
            central_bank=Service(
                "central bank", http, world.network,
                {
                    "nobody": None,
                    "a stranger": (stranger, stranger.public_key.hex()),
                    "an unreadable key": (stranger, WORD),
                    "an operator": (transport, transport.public_key.hex()),
                    "the auditor": (auditor, auditor.public_key.hex()),
                },
                values,
            ),
            operator=Service(
                "operator", world.http, world.network,
                {
                    "nobody": None,
                    "a false key": (stranger, key_id),
                    "an unreadable key": (stranger, WORD),
                    "a new key": (stranger, stranger.public_key.hex()),
                    "the holder": (signer, key_id),
                },
                values,
            ),
            registry_dsn=dsns[0],
            operator_dsn=dsns[1],
            codes=codes,
            secrets=[
                text
                for key in (keys.wrapping(1), keys.lookup, SEED)
                for text in (key.hex(), key.decode())
            ],
        )  # fmt: skip
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_no_word_of_a_person_and_no_secret_is_repeated_anywhere(
    site: Site, spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    services = (site.central_bank, site.operator)
    for each in services:
        await walk(each)
    shown = {"logs": "".join(capsys.readouterr())}
    assert "writer_leads" in shown["logs"]
    shown |= {
        f"figures of the {each.name}": (await each.http.get("/metrics")).text for each in services
    }
    shown["spans"] = "".join(each.to_json() for each in spans.get_finished_spans())
    for each in services:
        shown |= {where: body.decode() for where, body in each.refused.items()}
    together = "\n".join(shown.values()).encode()
    if found_in(together, CANARIES):
        told = [where for where, text in shown.items() if found_in(text.encode(), CANARIES)]
        pytest.fail(f"repeated by {told[:3]}")
    for where, text in shown.items():
        assert not any(each in text for each in site.secrets), where
        codes = [each for each in site.codes if re.search(rf"(?<![\w.]){each}(?!\w)", text)]
        assert codes == [], f"{where} tells a code or a PIN"
    for dsn in (site.registry_dsn, site.operator_dsn):
        assert found_in(await tables(dsn), CANARIES) == [], dsn

    assert len(site.operator.refused) > 200
    assert len(site.central_bank.refused) > 50
    names = {each.name for each in spans.get_finished_spans()}
    assert {"POST /v1/wallets", "POST /v1/orders", "gateway batch", "post batch"} <= names


async def test_spans_of_both_services_are_one_trace(
    site: Site, spans: InMemorySpanExporter
) -> None:
    recorded = spans.get_finished_spans()

    def under(parent: ReadableSpan) -> list[ReadableSpan]:
        return [
            each
            for each in recorded
            if each.parent and each.parent.span_id == parent.context.span_id
        ]

    batch = next(each for each in recorded if each.name == "gateway batch")
    [call] = under(batch)
    [served] = under(call)
    assert call.name == served.name == "POST /v1/orders"
    assert (call.kind, served.kind) == (SpanKind.CLIENT, SpanKind.SERVER)


def test_the_walk_puts_a_canary_into_every_value() -> None:
    document = {"phone": "1", "evidence": {"name": "2", "list": ["3"]}}
    *changed, everywhere, surprise = with_canaries(document)
    texts = [json.dumps(each, ensure_ascii=False) for each in (*changed, everywhere)]
    assert len(changed) == 3
    assert all(any(word in text for word in CANARIES) for text in texts)
    assert not re.search('"[123]"', texts[-1])
    assert surprise["surprise"]["name"] == NAME
