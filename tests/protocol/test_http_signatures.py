"""Requests: who signed, when, for which network and body (RFC 9421)."""

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import (
    AGE_MAX_S,
    AHEAD_MAX_S,
    FIELD_LENGTH_MAX,
    NETWORK_HEADER,
    VerifiedRequest,
    claimed_key_id,
    sign_request,
    verify_request,
)
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer, Suite

VECTORS = Path(__file__).parents[1] / "vectors" / "http_signatures.json"
NETWORK = NetworkId(bytes(range(32)))
SIGNER = Ed25519Signer(b"\x01" * 32)
OTHER = Ed25519Signer(b"\x02" * 32)
KEYS = {each.public_key.hex(): each.public_key for each in (SIGNER, OTHER)}
NOW_S = 1_790_000_000
URL = "/v1/feed?after=7&limit=100"
BODY = b"\x82\x01\x02"
Raw = list[tuple[bytes, bytes]]


def signed(*, url: str = URL, body: bytes = BODY, **changes: object) -> dict[str, str]:
    """The headers of a good request, unless something is changed."""
    headers = {NETWORK_HEADER: NETWORK.hex(), "Content-Type": "application/cbor"}
    fields: dict[str, Any] = {
        "method": "POST",
        "signer": SIGNER,
        "key_id": SIGNER.public_key.hex(),
        "created_s": NOW_S,
        "nonce": "n-1",
    }
    return headers | sign_request(url=url, headers=headers, body=body, **fields | changes)


def raw(headers: Mapping[str, str]) -> Raw:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def verify(
    headers: Mapping[str, str] | Raw,
    *,
    method: str = "POST",
    url: str = URL,
    body: bytes = BODY,
    key_of: Callable[[str], bytes | None] = KEYS.get,
    now_s: int = NOW_S,
    network: NetworkId = NETWORK,
) -> VerifiedRequest:
    return verify_request(
        method=method,
        url=url,
        headers=headers if isinstance(headers, list) else raw(headers),
        body=body,
        key_of=key_of,
        now_s=now_s,
        network=network,
    )


def code_of(act: Callable[[], object]) -> Code:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


def test_signed_request_tells_who_signed_it_and_when() -> None:
    verified = verify(signed())
    assert verified == VerifiedRequest(SIGNER.public_key.hex(), SIGNER.public_key, "n-1", NOW_S)


def test_request_without_body_is_signed_over_the_empty_body() -> None:
    headers = signed(method="GET", body=b"")
    assert verify(headers, method="GET", body=b"").nonce == "n-1"
    assert code_of(lambda: verify(headers, method="GET")) is Code.DIGEST_DIFFERS


def test_absolute_url_and_its_path_and_query_are_the_same_request() -> None:
    verify(signed(url="https://bank.example:8443" + URL))
    verify(signed(), url="http://[::1]:80" + URL)


def test_swapped_body_is_refused() -> None:
    assert code_of(lambda: verify(signed(), body=BODY + b"\x00")) is Code.DIGEST_DIFFERS
    assert code_of(lambda: verify(signed(), body=b"")) is Code.DIGEST_DIFFERS


def test_swapped_body_with_its_own_digest_is_refused() -> None:
    headers = signed() | {"Content-Digest": signed(body=b"other")["Content-Digest"]}
    assert code_of(lambda: verify(headers, body=b"other")) is Code.REQUEST_SIGNATURE_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"url": "/v1/feed2?after=7&limit=100"},
        {"url": "/v1/feed?after=7&limit=101"},
        {"url": "/v1/feed"},
        {"url": "/v1/%66eed?after=7&limit=100"},
        {"method": "PUT"},
        {"method": "post"},
        {"url": ""},
        {"url": "/v1/feed?after=7 &limit=100"},
    ],
)
def test_changed_request_line_is_refused(change: dict[str, str]) -> None:
    assert code_of(lambda: verify(signed(), **change)) is Code.REQUEST_SIGNATURE_INVALID  # type: ignore[arg-type]


def test_signature_by_another_key_is_refused() -> None:
    headers = signed(signer=OTHER)
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


def test_unknown_key_is_refused() -> None:
    headers = signed(key_id="nobody")
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


def test_failure_to_look_up_a_key_is_not_called_a_bad_signature() -> None:
    def broken(key_id: str) -> bytes | None:
        raise ConnectionError(key_id)

    with pytest.raises(ConnectionError):
        verify(signed(), key_of=broken)


@pytest.mark.parametrize("age_s", [-AHEAD_MAX_S, 0, AGE_MAX_S])
def test_request_is_taken_within_its_age(age_s: int) -> None:
    verify(signed(), now_s=NOW_S + age_s)


@pytest.mark.parametrize("age_s", [-AHEAD_MAX_S - 1, AGE_MAX_S + 1, 86_400 * 365])
def test_request_too_old_or_too_far_ahead_is_refused(age_s: int) -> None:
    assert code_of(lambda: verify(signed(), now_s=NOW_S + age_s)) is Code.REQUEST_SIGNATURE_INVALID


def test_request_for_another_network_is_refused() -> None:
    other = NetworkId(bytes(32))
    assert code_of(lambda: verify(signed(), network=other)) is Code.OTHER_NETWORK


def test_network_changed_under_way_is_refused() -> None:
    other = NetworkId(bytes(32))
    headers = signed() | {NETWORK_HEADER: other.hex()}
    assert code_of(lambda: verify(headers, network=other)) is Code.REQUEST_SIGNATURE_INVALID


@pytest.mark.parametrize("missing", ["Signature", "Signature-Input"])
def test_unsigned_request_is_refused(missing: str) -> None:
    headers = signed()
    del headers[missing]
    assert code_of(lambda: verify(headers)) is Code.REQUEST_UNSIGNED
    assert code_of(lambda: claimed_key_id(raw(headers))) is Code.REQUEST_UNSIGNED


@pytest.mark.parametrize("missing", [NETWORK_HEADER, "Content-Digest"])
def test_missing_covered_field_is_refused(missing: str) -> None:
    headers = signed()
    del headers[missing]
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


COMPONENTS = ["@method", "@path", "@query", "jiaozi-network", "content-digest"]


@pytest.mark.parametrize("left_out", COMPONENTS)
def test_signature_that_covers_too_little_is_refused(left_out: str) -> None:
    """The signature verifies, but over less than the profile asks for."""
    headers = signed()
    base_of = {
        "@method": "POST",
        "@path": "/v1/feed",
        "@query": "?after=7&limit=100",
        "jiaozi-network": NETWORK.hex(),
        "content-digest": headers["Content-Digest"],
    }
    kept = [each for each in COMPONENTS if each != left_out]
    head = " ".join(f'"{each}"' for each in kept)
    parameters = headers["Signature-Input"].partition(")")[2]
    lines = [f'"{each}": {base_of[each]}' for each in kept]
    base = "\n".join([*lines, f'"@signature-params": ({head}){parameters}'])
    value = base64.b64encode(SIGNER.sign(base.encode())).decode()
    headers["Signature-Input"] = f"jiaozi=({head}){parameters}"
    headers["Signature"] = f"jiaozi=:{value}:"
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


@pytest.mark.parametrize("field", ["signature", "signature-input", "content-digest"])
def test_doubled_field_line_is_refused(field: str) -> None:
    lines = raw(signed())
    lines.append(next(line for line in lines if line[0].decode() == field))
    assert code_of(lambda: verify(lines)) is Code.REQUEST_SIGNATURE_INVALID


def test_two_signatures_of_one_request_are_refused() -> None:
    first, second = signed(), signed(nonce="n-2")
    lines = raw(first)
    for name in ("Signature", "Signature-Input"):
        lines.append((name.lower().encode(), b"second" + second[name].encode()[len("jiaozi") :]))
    assert code_of(lambda: verify(lines)) is Code.REQUEST_SIGNATURE_INVALID


def test_signature_of_a_proxy_beside_is_left_alone() -> None:
    lines = raw(signed())
    lines.append((b"signature-input", b'proxy=("@method");created=1;keyid="p";tag="proxy"'))
    lines.append((b"signature", b"proxy=:AAAA:"))
    assert verify(lines).key == SIGNER.public_key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (';nonce="n-1"', ""),
        (";created=1790000000", ""),
        (f';keyid="{SIGNER.public_key.hex()}"', ""),
        ('alg="ed25519"', 'alg="hmac-sha256"'),
        ('tag="jiaozi/request/1"', 'tag="other"'),
        ("created=1790000000", 'created="1790000000"'),
    ],
)
def test_changed_parameter_is_refused(old: str, new: str) -> None:
    headers = signed()
    assert old in headers["Signature-Input"]
    headers["Signature-Input"] = headers["Signature-Input"].replace(old, new)
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


def test_oversized_signature_field_is_refused_unread() -> None:
    headers = signed() | {"Signature-Input": "a" * (FIELD_LENGTH_MAX + 1)}
    assert code_of(lambda: verify(headers)) is Code.REQUEST_SIGNATURE_INVALID


def test_claimed_key_id_is_the_one_that_is_verified() -> None:
    assert claimed_key_id(raw(signed())) == verify(signed()).key_id


def test_signer_is_told_of_what_no_verifier_would_take() -> None:
    class Sm2Signer(Ed25519Signer):
        suite = Suite.SM2

    changes: list[dict[str, Any]] = [
        {"nonce": ""},
        {"nonce": "n" * 65},
        {"method": "post"},
        {"url": "no url"},
    ]
    for change in changes:
        with pytest.raises(ValueError, match=r"."):
            signed(**change)
    with pytest.raises(ValueError, match="Ed25519"):
        signed(signer=Sm2Signer(bytes(32)))


def test_vectors_are_reproduced() -> None:
    vectors = json.loads(VECTORS.read_text("utf-8"))
    for vector in vectors["requests"]:
        signer = Ed25519Signer(bytes.fromhex(vector["seed"]))
        body = bytes.fromhex(vector["body"])
        headers = {NETWORK_HEADER: vector["network"]}
        added = sign_request(
            method=vector["method"],
            url=vector["url"],
            headers=headers,
            body=body,
            signer=signer,
            key_id=signer.public_key.hex(),
            created_s=vector["created_s"],
            nonce=vector["nonce"],
        )
        assert added == vector["headers"]


FIELDS = st.sampled_from(["signature", "signature-input", "content-digest", "jiaozi-network", "x"])
PIECES = st.sampled_from(
    ["jiaozi=", '("@method")', "(", ")", ";", '"', ":", "created=1", "sha-256=", ",", "\x00", "é"]
)
HOSTILE = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.lists(PIECES, max_size=12).map("".join),
    st.just(""),
)


@settings(max_examples=400, deadline=None)
@given(
    changed=st.dictionaries(FIELDS, HOSTILE, min_size=1, max_size=4),
    url=st.one_of(st.just(URL), st.text(max_size=20)),
    method=st.one_of(st.just("POST"), st.text(max_size=6)),
)
def test_hostile_text_is_refused_and_nothing_else(
    changed: dict[str, str], url: str, method: str
) -> None:
    headers = {name.lower(): value for name, value in signed().items()} | changed
    if changed.keys() == {"x"} and url == URL and method == "POST":
        return
    code = code_of(lambda: verify(headers, url=url, method=method))
    assert code in (
        Code.REQUEST_UNSIGNED,
        Code.OTHER_NETWORK,
        Code.REQUEST_SIGNATURE_INVALID,
        Code.DIGEST_DIFFERS,
    )


@settings(max_examples=400, deadline=None)
@given(
    field=st.sampled_from(["Signature", "Signature-Input", "Content-Digest"]),
    place=st.integers(0, 200),
    text=st.text(st.characters(max_codepoint=255), max_size=3),
)
def test_damaged_field_is_refused_or_means_the_same(field: str, place: int, text: str) -> None:
    headers = signed()
    value = headers[field]
    headers[field] = value[:place] + text + value[place + len(text) :]
    with contextlib.suppress(Refusal):
        assert verify(headers) == verify(signed())


@settings(max_examples=200, deadline=None)
@given(value=HOSTILE)
def test_claimed_key_id_takes_hostile_text(value: str) -> None:
    lines = [(b"signature", b"x"), (b"signature-input", value.encode("latin-1"))]
    assert code_of(lambda: claimed_key_id(lines)) is Code.REQUEST_SIGNATURE_INVALID
