"""Files made to harm: each is refused with a type, nothing is handed out, memory stays flat."""

import contextlib
import re
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jiaozi.wallet.payroll import Payment
from jiaozi.wallet.payroll.errors import (
    DoctypeForbidden,
    FileTooLarge,
    NotPain001,
    NotWellFormed,
    PayrollRefused,
)
from jiaozi.wallet.payroll.records import DEPTH_MAX, NAMES_MAX, STILL_BYTES_MAX
from tests.wallet.payroll.builders import (
    block,
    check,
    document,
    header,
    message,
    payments,
    read,
    transfer,
)

GOOD = header() + block(transfer())

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE Document>",
        "<!DOCTYPE Document []>",
        '<!DOCTYPE Document SYSTEM "pain.dtd">',
        '<!DOCTYPE Document PUBLIC "-//X//EN" "http://127.0.0.1:9/pain.dtd">',
        f"<!DOCTYPE Document [{LAUGHS}]>",
        '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Document [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p.dtd"> %p;]>',
        '<!DOCTYPE Document [<!ATTLIST InstdAmt Ccy CDATA "CNY">]>',
        '<!DOCTYPE Document [<!ENTITY big "' + "x" * 100_000 + '">]>',
    ],
)
def test_a_document_type_of_any_kind_is_refused(doctype: str) -> None:
    with pytest.raises(DoctypeForbidden) as caught:
        check(document(GOOD, prolog=doctype))
    assert str(caught.value) == (
        "The file has a document type declaration. Nothing was paid: "
        "remove the <!DOCTYPE ...>; a payment message needs none."
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\x00",
        b"\x00" * 100_000,
        b"no xml",
        document(GOOD) + b"\x00",
        document(GOOD) + document(GOOD),
        document(GOOD).replace(b"M1", b"M\x001"),
        document(GOOD).replace(b"M1", b"&undefined;"),
        document(GOOD).replace(b"M1", b"&#0;"),
        document(GOOD).replace(b"M1", b"\xff"),
        document(GOOD).replace(b"<MsgId>", b"<MsgId a='1' a='2'>"),
        document(GOOD).replace(b"<MsgId>", b"<x:MsgId>"),
        document(GOOD).decode().encode("utf-16"),
        document(GOOD).decode().encode("gb18030"),
        document(GOOD).decode().encode("utf-16-le"),
    ],
)
def test_what_is_not_xml_in_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(NotWellFormed):
        check(data)


@pytest.mark.parametrize("declared", ["GBK", "utf-16", "no-such-encoding", "UTF-8"])
def test_a_file_is_read_as_utf8_whatever_it_declares(declared: str) -> None:
    prolog = f'<?xml version="1.0" encoding="{declared}"?>'
    [payment] = read(document(GOOD, prolog=prolog))
    assert payment.payee_name == "王小明"


def test_a_byte_order_mark_is_no_fault() -> None:
    assert len(read(b"\xef\xbb\xbf" + document(GOOD))) == 1


@pytest.mark.parametrize("name", ["", "urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"])
def test_another_namespace_is_refused(name: str) -> None:
    with pytest.raises(NotPain001):
        check(document(GOOD, namespace=name))
    with pytest.raises(NotPain001):
        check(b"<html/>")


def test_a_prefix_for_the_namespace_is_no_fault() -> None:
    text = document(GOOD).decode().replace("xmlns=", "xmlns:p=")
    prefixed = re.sub(r"<(/?)(?=\w)", r"<\1p:", text)
    assert len(read(prefixed.encode())) == 1


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_file_that_stops_halfway_yields_nothing(kept: float) -> None:
    data = payments(*(transfer(f"A{n}") for n in range(1_000)))
    with pytest.raises(NotWellFormed) as caught:
        check(data[: int(len(data) * kept)])
    assert caught.value.message_id == "M1"


def test_depth_is_limited() -> None:
    def nested(depth: int) -> bytes:
        return payments(transfer(extra="<a>" * depth + "</a>" * depth))

    assert len(read(nested(DEPTH_MAX))) == 1
    for depth in (DEPTH_MAX + 1, 100_000):
        with pytest.raises(FileTooLarge, match="nested"):
            check(nested(depth))


@pytest.mark.parametrize(
    "named",
    [
        "<a{n}/>",
        "<a b{n}='1'/>",
        "<MsgId c{n}='1'/>",
        "<a xmlns:p{n}='urn:x'/>",
        "<a xmlns:p='urn:{n}'/>",
    ],
)
def test_the_number_of_names_is_limited(named: str) -> None:
    extra = "".join(named.replace("{n}", str(n)) for n in range(NAMES_MAX + 1))
    with pytest.raises(FileTooLarge, match="different names"):
        check(message(block(transfer()), extra=extra))


@pytest.mark.parametrize(
    "long",
    [
        "<a>{}</a>",
        "<MsgId>{}</MsgId>",
        "<!--{}-->",
        "<?a {}?>",
        "<a b='{}'/>",
        "<![CDATA[{}]]>",
        "<{}/>",
    ],
)
def test_what_goes_on_without_a_new_element_is_limited(long: str) -> None:
    with pytest.raises(FileTooLarge):
        check(message(block(transfer()), extra=long.format("x" * 2 * STILL_BYTES_MAX)))


def test_memory_stays_flat_under_a_huge_text() -> None:
    """Two hundred megabytes in one element cost less than twenty."""
    script = (
        "import io, itertools, resource, datetime\n"
        "from jiaozi.wallet.payroll import PayrollRefused, check_file\n"
        "class Endless(io.RawIOBase):\n"
        "    left = 200 * 2**20\n"
        "    start = b'<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\"><a>'\n"
        "    def seek(self, *_): return 0\n"
        "    def read(self, size=-1):\n"
        "        data, self.start = self.start or b'x' * min(size, self.left), b''\n"
        "        self.left -= len(data)\n"
        "        return data\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    check_file(Endless(), payer=1, today=datetime.date(2026, 1, 31))\n"
        "except PayrollRefused as refused:\n"
        "    print(refused.code)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    code, grown_kb = done.stdout.split()
    assert code == FileTooLarge.code
    assert int(grown_kb) < 20_000


def _pieces() -> st.SearchStrategy[bytes]:
    """Fragments of messages, right and wrong, so that the fuzz gets behind the parser."""
    right = [header(), header(count="x"), block(transfer()), transfer("A2"), block(), GOOD]
    wrong = ["<!DOCTYPE a>", "</PmtInf>", "<PmtInf>", "<Amt/>", "&amp;", "&x;", "<![CDATA[", "-->"]
    return st.one_of(st.sampled_from([text.encode() for text in right + wrong]), st.binary())


@settings(max_examples=500)
@given(st.binary() | st.lists(_pieces()).map(b"".join))
@example(b"<?xml version='1.0' encoding='utf-7'?><a/>")
@example(b"\xef\xbb\xbf")
def test_any_bytes_give_a_refusal_or_a_check(content: bytes) -> None:
    framed = document("").replace(b"></C", b">" + content + b"</C")
    for data in (content, framed):
        with contextlib.suppress(PayrollRefused):
            assert check(data).payment_count == len(read(data))


@settings(max_examples=500)
@given(st.data())
def test_a_changed_byte_gives_a_refusal_or_a_check(data: st.DataObject) -> None:
    """Both passes agree on what is payable, whatever the byte made of the message."""
    original = message(block(transfer("A1"), transfer("A2", "7.50"), control_sum="107.50"))
    changed = bytearray(original)
    at = data.draw(st.integers(0, len(original) - 1))
    changed[at] = data.draw(st.integers(0, 255))
    try:
        found = check(bytes(changed))
    except PayrollRefused:
        return
    payable = [item for item in read(bytes(changed)) if isinstance(item, Payment)]
    assert len(payable) == found.payable_count
    assert sum(item.amount_fen for item in payable) == found.payable_fen
