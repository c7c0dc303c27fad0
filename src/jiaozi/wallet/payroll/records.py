"""Hostile XML in, flat records out, in memory that does not grow with the file.

The message is walked once, without a tree. Of each group header, payment and block only the
elements in `FIELDS` are kept, as text under their path; all others are skipped, whatever stands in
them. A record is handed out when its element ends, so a block comes after its payments::

    Document/CstmrCdtTrfInitn
      GrpHdr               -> Record(HEADER)
      PmtInf               -> Record(BLOCK), after
        CdtTrfTxInf        -> Record(PAYMENT) each

Bounded here: depth, distinct names, length of a text, and how many bytes may go by without a new
element, which bounds tags and comments too. A document type of any kind is refused, and with it
entities of the file's own and external ones. What the texts mean is for `rules`.

Source: ISO 20022 pain.001.001.09, CustomerCreditTransferInitiationV09.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from jiaozi.wallet.payroll.errors import (
    DoctypeForbidden,
    FileTooLarge,
    NotPain001,
    NotWellFormed,
    PayrollRefused,
)

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
DEPTH_MAX = 32
NAMES_MAX = 500
KEPT_CHARACTERS_MAX = 1_000
STILL_BYTES_MAX = 256 * 2**10

INITIATION = "Document/CstmrCdtTrfInitn"
AMOUNT_FIELD = "Amt/InstdAmt"
CURRENCY_FIELD = f"{AMOUNT_FIELD}/@Ccy"
_WHITE_SPACE = " \t\r\n"


class Kind(Enum):
    """What a record is made from; the value is the element's path."""

    HEADER = f"{INITIATION}/GrpHdr"
    BLOCK = f"{INITIATION}/PmtInf"
    PAYMENT = f"{INITIATION}/PmtInf/CdtTrfTxInf"


FIELDS = {
    Kind.HEADER: ("MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty/Nm"),
    Kind.BLOCK: (
        "PmtInfId",
        "PmtMtd",
        "NbOfTxs",
        "CtrlSum",
        "ReqdExctnDt/Dt",
        "ReqdExctnDt/DtTm",
        "DbtrAcct/Id/Othr/Id",
    ),
    Kind.PAYMENT: (
        "PmtId/InstrId",
        "PmtId/EndToEndId",
        "PmtId/UETR",
        AMOUNT_FIELD,
        "Cdtr/Nm",
        "CdtrAcct/Id/Othr/Id",
        "RmtInf/Ustrd",
    ),
}


class Fault(Enum):
    """What makes a field ambiguous, so that two readers might read two things."""

    REPEATED = auto()
    NOT_PLAIN_TEXT = auto()
    TOO_LONG = auto()


@dataclass(slots=True)
class Record:
    """The known texts of one element, by path below it, without surrounding white space.

    Attributes:
        faults: The ambiguous fields; their texts must not be used.
    """

    kind: Kind
    fields: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)


@dataclass(slots=True)
class _Node:
    """A known element: where it stands, and what it opens or is."""

    parent: "_Node | None" = None
    children: dict[str, "_Node"] = field(default_factory=dict)
    opens: Kind | None = None
    field_path: str | None = None

    def grow(self, path: str) -> "_Node":
        """Return the descendant at the path, made where it is missing."""
        node = self
        for name in path.split("/"):
            tag = f"{{{NAMESPACE}}}{name}"
            node = node.children.setdefault(tag, _Node(parent=node))
        return node


def _known_elements() -> _Node:
    root = _Node()
    for kind, paths in FIELDS.items():
        container = root.grow(kind.value)
        container.opens = kind
        for path in paths:
            container.grow(path).field_path = path
    return root


class _Recorder:
    """The parser's target: follows the known elements and collects finished records."""

    def __init__(self) -> None:
        self.moved = False  # whether an element has started since this was last cleared
        self._node = _known_elements()
        self._skipped = 0  # unknown elements entered and not left
        self._room = -1  # characters that may still be collected; below zero outside of fields
        self._text: list[str] = []
        self._open: list[Record] = []
        self._finished: list[Record] = []
        self._names: set[str] = set()

    def take(self) -> list[Record]:
        """Return the records finished since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def start_ns(self, prefix: str, uri: str) -> None:
        self._remember(f"{prefix}={uri}")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.moved = True
        node = None if self._skipped else self._node.children.get(tag)
        if node is None:
            self._skip(tag, attributes)
            return
        self._node = node
        if node.field_path is not None:
            self._text.clear()
            self._room = KEPT_CHARACTERS_MAX
        elif node.opens is not None:
            self._open.append(Record(node.opens))
        if attributes:
            self._take_attributes(node, attributes)

    def data(self, text: str) -> None:
        if self._room >= 0:
            self._room -= len(text)
            self._text.append(text)

    def end(self, _tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        node = self._node
        if node.field_path is not None:
            self._finish_field(node.field_path)
        elif node.opens is not None:
            self._finished.append(self._open.pop())
        assert node.parent is not None
        self._node = node.parent

    def _finish_field(self, path: str) -> None:
        record = self._open[-1]
        if self._room < 0:
            record.faults[path] = Fault.TOO_LONG
        elif path in record.fields:
            record.faults[path] = Fault.REPEATED
        record.fields[path] = "".join(self._text).strip(_WHITE_SPACE)
        self._room = -1

    def _take_attributes(self, node: _Node, attributes: dict[str, str]) -> None:
        for name in attributes:
            self._remember(name)
        if node.field_path == AMOUNT_FIELD and "Ccy" in attributes:
            self._open[-1].fields[CURRENCY_FIELD] = attributes["Ccy"].strip(_WHITE_SPACE)

    def _skip(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an unknown element: nothing in it is read, but what it costs is bounded.

        Raises:
            NotPain001: It is the root.
            FileTooLarge: Too deep, or too many names.
        """
        if self._node.parent is None:
            raise NotPain001(detail=f"The root element is not Document of {NAMESPACE}")
        if self._skipped == DEPTH_MAX:
            raise FileTooLarge(detail=f"Unknown elements are nested more than {DEPTH_MAX} deep")
        self._remember(tag)
        for name in attributes:
            self._remember(name)
        if not self._skipped and self._node.field_path is not None:
            self._open[-1].faults[self._node.field_path] = Fault.NOT_PLAIN_TEXT
        self._skipped += 1

    def _remember(self, name: str) -> None:
        """Count distinct names: the parser keeps each of them for as long as it lives."""
        self._names.add(name)
        if len(self._names) > NAMES_MAX:
            raise FileTooLarge(detail=f"The file uses more than {NAMES_MAX} different names")


def read_records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """Yield the records of a message as its bytes come in.

    What was complete before a fault is yielded before the refusal is raised, so that a report can
    name the message. Whatever `chunks` raises passes through.

    Raises:
        DoctypeForbidden: There is a document type declaration.
        NotPain001: The root is of another kind.
        FileTooLarge: Too deep, too many names, or a tag, comment or text too long.
        NotWellFormed: Not XML in UTF-8, or not to its end.
    """
    recorder = _Recorder()
    parser = DefusedXMLParser(target=recorder, encoding="utf-8", forbid_dtd=True)
    still_bytes = 0
    for chunk in chain(chunks, [b""]):
        recorder.moved = False
        refused = _parse(parser, chunk)
        yield from recorder.take()
        still_bytes = 0 if recorder.moved else still_bytes + len(chunk)
        if still_bytes > STILL_BYTES_MAX:
            refused = FileTooLarge(
                detail=f"A tag, a comment or a text is longer than {STILL_BYTES_MAX:,} bytes"
            )
        if refused is not None:
            raise refused


def _parse(parser: DefusedXMLParser, chunk: bytes) -> PayrollRefused | None:
    """Feed the parser, or close it with no bytes; return what it found wrong."""
    if b"\0" in chunk:  # never in UTF-8 XML, always in UTF-16, which the parser would take
        return NotWellFormed(detail="The file has zero bytes: it is not XML in UTF-8")
    try:
        if chunk:
            parser.feed(chunk)
        else:
            parser.close()
    except PayrollRefused as refused:
        return refused
    except DefusedXmlException:
        return DoctypeForbidden(detail="The file has a document type declaration")
    except ParseError as error:
        line, column = error.position
        return NotWellFormed(
            detail=f"The file is not well-formed XML in UTF-8 at line {line}, column {column + 1}"
        )
    return None
