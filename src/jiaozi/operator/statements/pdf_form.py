"""A statement as a PDF that a person can hand to an office: A4, in Chinese and English.

Each page bears wallet, operator and period; the first one also the balances and sums, the last one
the verification code, as text and as QR code. Chinese is set in STSong-Light, one of the fonts that
every PDF reader brings along or replaces, so that none need be embedded.

All pages are kept, compressed by reportlab at the end, and given out then; so the number of entries
is bounded. Rows are set in a font of fixed width, one string each: a tenth of the time of cells.
"""

import re
from collections.abc import Sequence
from io import BytesIO
from textwrap import wrap
from typing import ClassVar

import segno
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from jiaozi.operator.statements.forms import type_of
from jiaozi.operator.statements.model import Head, StatementEntry, moment
from jiaozi.protocol.money import format_yuan
from jiaozi.protocol.numbers import format_number

ENTRIES_MAX = 200_000

rl_config.useA85 = 0  # pages as ASCII would be a quarter larger and take a quarter longer

_CHINESE, _PLAIN, _ROWS = "STSong-Light", "Helvetica", "Courier"
_RUN = re.compile("([\x20-\x7e–…]+)|[^\x20-\x7e–…]+")
_HOLDER_WIDTH = 220.0
_MARGIN, _RIGHT, _TOP = 40.0, A4[0] - 40.0, A4[1] - 40.0
_TIME_CHARACTERS = len("2026-11-01 00:00:00")
_ROW_SIZE, _ROW_HEIGHT = 7.0, 10.4
_FIRST_PAGE_ROWS, _PAGE_ROWS, _CODE_ROWS = 56, 64, 18
_TITLES = (
    ("时间 Time", 0),
    ("类型 Type", 20),
    ("对方 Counterparty", 33),
    ("收入 In", 65),
    ("支出 Out", 81),
    ("余额 Balance", 99),
    ("区块 Block", 103),
)
"""Each column's title and where it stands, in characters; amounts are set to the right of it."""
_AMOUNTS = ("收入 In", "支出 Out", "余额 Balance")


class PdfForm:
    """Writes one statement."""

    media_type: ClassVar[str] = "application/pdf"
    suffix: ClassVar[str] = "pdf"
    entries_max: ClassVar[int | None] = ENTRIES_MAX

    def __init__(self, head: Head) -> None:
        self._head = head
        self._file = BytesIO()
        if _CHINESE not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
        self._canvas = Canvas(self._file, pagesize=A4, pageCompression=1, invariant=1)
        self._canvas.setTitle(f"对账单 Statement {format_number(head.wallet)}")
        self._canvas.setAuthor(f"Operator {head.operator:04d}")
        self._pages = page_count(head.totals.entries)
        self._page = 0
        self._rows: list[str] = []

    def begin(self) -> bytes:
        """Return nothing yet."""
        return b""

    def add(self, entries: Sequence[StatementEntry]) -> bytes:
        """Set some entries; pages are finished as they fill."""
        for entry in entries:
            if len(self._rows) == self._room:
                self._finish_page()
            self._rows.append(_row(entry))
        return b""

    def end(self, code: str) -> bytes:
        """Return the whole document."""
        if len(self._rows) > self._room - _CODE_ROWS:
            self._finish_page()
        self._draw_code(self._draw_page(), code)
        self._canvas.showPage()
        self._canvas.save()
        return self._file.getvalue()

    @property
    def _room(self) -> int:
        return _PAGE_ROWS if self._page else _FIRST_PAGE_ROWS

    def _finish_page(self) -> None:
        self._draw_page()
        self._canvas.showPage()

    def _draw_page(self) -> float:
        """Draw what is on a page; return where its rows end."""
        top = self._draw_top() if self._page else self._draw_front(self._draw_top())
        self._page += 1
        bottom = self._draw_rows(top)
        self._draw_foot()
        self._rows.clear()
        return bottom

    def _draw_top(self) -> float:
        canvas, head = self._canvas, self._head
        number = format_number(head.wallet)
        grouped = " ".join(number[start : start + 4] for start in range(0, 16, 4))
        _draw(canvas, _MARGIN, _TOP - 12, "数字人民币钱包对账单", size=15)
        _draw(canvas, _MARGIN, _TOP - 27, "Statement of a digital yuan wallet")
        _draw(canvas, _RIGHT, _TOP - 12, f"钱包 Wallet  {grouped}", to_right=True)
        _draw(canvas, _RIGHT, _TOP - 27, f"运营机构 Operator  {head.operator:04d}", to_right=True)
        canvas.line(_MARGIN, _TOP - 34, _RIGHT, _TOP - 34)
        return _TOP - 34

    def _draw_front(self, top: float) -> float:
        canvas, head, totals = self._canvas, self._head, self._head.totals
        facts = [
            ("期间 Period", f"{_minute(head.from_ms)} – {_minute(head.until_ms - 1)} (UTC+8)"),
            ("出具 Issued", f"{_minute(head.issued_ms)} (UTC+8), block {head.height}"),
            ("笔数 Entries", f"{totals.entries:,}"),
        ]
        if head.holder is not None:
            facts.insert(0, ("户名 Holder", _cut(head.holder, _HOLDER_WIDTH)))
        for index, (name, value) in enumerate(facts):
            _draw(canvas, _MARGIN, top - 18 - 15 * index, name)
            _draw(canvas, _MARGIN + 70, top - 18 - 15 * index, value)
        sums = (
            ("期初余额 Opening balance", totals.opening_fen),
            ("收入合计 Total in", totals.incoming_fen),
            ("支出合计 Total out", totals.outgoing_fen),
            ("期末余额 Closing balance", totals.closing_fen),
        )
        for index, (name, amount_fen) in enumerate(sums):
            _draw(canvas, _RIGHT - 210, top - 18 - 15 * index, name)
            _draw(canvas, _RIGHT, top - 18 - 15 * index, format_yuan(amount_fen), to_right=True)
        return top - 18 - 15 * 4

    def _draw_rows(self, top: float) -> float:
        canvas, width = self._canvas, pdfmetrics.stringWidth("0", _ROWS, _ROW_SIZE)
        for title, column in _TITLES:
            left = _MARGIN + column * width
            _draw(canvas, left, top - 16, title, size=8, to_right=title in _AMOUNTS)
        canvas.line(_MARGIN, top - 20, _RIGHT, top - 20)
        text = canvas.beginText(_MARGIN, top - 31)
        text.setFont(_ROWS, _ROW_SIZE, _ROW_HEIGHT)
        for row in self._rows:
            text.textLine(row)
        canvas.drawText(text)
        return top - 31 - _ROW_HEIGHT * len(self._rows)

    def _draw_foot(self) -> None:
        canvas, page, pages = self._canvas, self._page, self._pages
        canvas.line(_MARGIN, 48, _RIGHT, 48)
        _draw(canvas, _MARGIN, 36, "金额单位：元  Amounts in yuan (CNY)", size=8)
        told = f"第 {page} 页，共 {pages} 页  Page {page} of {pages}"
        _draw(canvas, _RIGHT, 36, told, size=8, to_right=True)

    def _draw_code(self, top: float, code: str) -> None:
        canvas, size = self._canvas, 132.0
        left = _MARGIN + size + 16
        canvas.line(_MARGIN, top, _RIGHT, top)
        _draw(canvas, _MARGIN, top - 18, "核验码 Verification code")
        _draw(canvas, left, top - 18, "运营机构已对本对账单的期间、余额和合计签名。核验方法：")
        told = "The operator has signed period, balances and sums. To check them:"
        _draw(canvas, left, top - 32, told, size=8)
        canvas.setFont(_ROWS, 8)
        canvas.drawString(left, top - 46, "jiaozi statement verify CODE")
        canvas.setFont(_ROWS, 6.5)
        for index, line in enumerate(wrap(code, 92, break_on_hyphens=False)):
            canvas.drawString(left, top - 64 - 9 * index, line)
        _draw_qr(canvas, code, _MARGIN, top - 24 - size, size)


def page_count(entries: int) -> int:
    """Return how many pages a statement takes; the code needs room below the last entry."""
    pages, left, room = 1, entries, _FIRST_PAGE_ROWS
    if left > room:
        more = -(-(left - room) // _PAGE_ROWS)
        pages, left, room = 1 + more, left - room - (more - 1) * _PAGE_ROWS, _PAGE_ROWS
    return pages + (left > room - _CODE_ROWS)


def _row(entry: StatementEntry) -> str:
    line = entry.line
    amount = format_yuan(line.amount_fen)
    incoming, outgoing = (amount, "") if line.incoming else ("", amount)
    time = moment(line.time_ms).isoformat(" ", "seconds")[:_TIME_CHARACTERS]
    return (
        f"{time} {type_of(line)[:12]:<12} "
        f"{format_number(line.counterparty)} {incoming:>15} {outgoing:>15} "
        f"{format_yuan(entry.balance_fen):>17}    {line.height}.{line.position}"
    )


def _draw_qr(canvas: Canvas, code: str, left: float, bottom: float, size: float) -> None:
    """Draw a QR code, a rectangle for each run of dark modules."""
    rows = list(segno.make(code, error="l", micro=False).matrix_iter(border=0))
    module = size / len(rows)
    path = canvas.beginPath()
    for index, row in enumerate(rows):
        bottom_of_row = bottom + size - (index + 1) * module
        for column, dark in enumerate(row):
            if dark:
                path.rect(left + column * module, bottom_of_row, module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _draw(
    canvas: Canvas,
    left: float,
    bottom: float,
    text: str,
    *,
    size: float = 9.0,
    to_right: bool = False,
) -> None:
    """Draw a text in both scripts, each in the font that was made for it."""
    runs = _runs(text)
    if to_right:
        left -= sum(pdfmetrics.stringWidth(run, font, size) for font, run in runs)
    for font, run in runs:
        canvas.setFont(font, size)
        canvas.drawString(left, bottom, run)
        left += pdfmetrics.stringWidth(run, font, size)


def _runs(text: str) -> list[tuple[str, str]]:
    """Cut a text where its script changes; give the font of each part."""
    return [(_PLAIN if match[1] else _CHINESE, match[0]) for match in _RUN.finditer(text)]


def _cut(text: str, width: float) -> str:
    """Shorten a text to a width."""
    while sum(pdfmetrics.stringWidth(run, font, 9.0) for font, run in _runs(text)) > width:
        text = text[:-2] + "…"
    return text


def _minute(time_ms: int) -> str:
    return f"{moment(time_ms):%Y-%m-%d %H:%M}"
