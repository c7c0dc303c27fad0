"""Messages as codes: whatever is scanned becomes the message that was meant, or is refused."""

import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jiaozi.wallet.errors import FramesUnfit
from jiaozi.wallet.offline.frames import (
    FRAMES_MAX,
    MESSAGE_BYTES_MAX,
    PART_BYTES_MAX,
    SCHEME,
    Gathering,
    MessageKind,
    from_text,
    to_frames,
)
from jiaozi.wallet.offline.pictures import draw, in_terminal, read_codes
from tests.protocol.offline_builders import PAYEE, Party

P = MessageKind.PAYMENT
LONG = bytes(range(256)) * 12
kinds = st.sampled_from(MessageKind)
messages = st.binary(min_size=1, max_size=200) | st.integers(1, 4 * PART_BYTES_MAX).map(
    lambda size: (bytes(range(251)) * 30)[:size]
)


@given(kind=kinds, message=messages, random=st.randoms(use_true_random=False))
def test_frames_in_any_order_and_doubled_give_the_message(
    kind: MessageKind, message: bytes, random: Random
) -> None:
    frames = to_frames(kind, message)
    scanned = [*frames, *random.choices(frames, k=2)]
    random.shuffle(scanned)
    assert from_text("\n".join(scanned), kind) == message
    assert from_text(" ".join(scanned).lower(), kind) == message


@given(message=messages, data=st.data())
def test_a_misread_letter_never_gives_another_message(message: bytes, data: st.DataObject) -> None:
    text = "\n".join(to_frames(P, message))
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    try:
        read = from_text(text[:place] + letter + text[place + 1 :], P)
    except FramesUnfit:
        return
    assert read == message


@given(text=st.text() | st.text(alphabet=SCHEME + "RPALF0123456789.ABC").map(SCHEME.__add__))
def test_any_text_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(FramesUnfit, match="Nothing moved"):
        from_text(text, P)


@pytest.mark.parametrize(
    "frame",
    [
        "JIAOZI:P0.1.AAAAAAA.AA",
        "JIAOZI:P2.1.AAAAAAA.AA",
        "JIAOZI:P1.65.AAAAAAA.AA",
        "JIAOZI:P1.1.AAAAAAA.",
        "JIAOZI:P1.1.AAAAAA.AA",
        "JIAOZI:P+1.1.AAAAAAA.AA",
        "JIAOZI:P1.1.AAAAAAA.A1",
        "JIAOZI:P1.1.AAAAAAA.A",
        "JIAOZI:X1.1.AAAAAAA.AA",
        "JIAOZI:P" + "9" * 5_000 + ".1.AAAAAAA.AA",
        "JIAOZI:P1.1.AAAAAAA." + "A" * 2_000,
        "JIAOZI:P\N{FULLWIDTH DIGIT ONE}.1.AAAAAAA.AA",
    ],
)
def test_a_frame_has_one_form(frame: str) -> None:
    with pytest.raises(FramesUnfit, match="no code of an offline payment"):
        Gathering().add(frame)


def test_frames_of_two_messages_never_mix() -> None:
    first, second = to_frames(P, LONG), to_frames(P, LONG[::-1])
    with pytest.raises(FramesUnfit, match="of two messages"):
        from_text("\n".join([first[0], *second[1:]]), P)
    forged = second[1].replace(second[1].split(".")[2], first[0].split(".")[2])
    with pytest.raises(FramesUnfit, match="misread"):
        from_text("\n".join([first[0], forged, *first[2:]]), P)


def test_what_is_missing_is_told_by_its_numbers() -> None:
    frames = to_frames(P, LONG)
    with pytest.raises(FramesUnfit, match="missing: 1, 3 of 3"):
        from_text(frames[1], P)
    with pytest.raises(FramesUnfit, match="missing"):
        from_text("", P)


def test_a_message_of_another_kind_is_named() -> None:
    [request] = to_frames(MessageKind.REQUEST, b"ask")
    with pytest.raises(FramesUnfit, match="This is a request, not a payment"):
        from_text(request, P)


def test_other_codes_beside_it_are_passed_over() -> None:
    [frame] = to_frames(P, b"money")
    assert from_text(f"https://example.org/menu\n{frame}\nTable 7", P) == b"money"
    with pytest.raises(FramesUnfit, match="no code"):
        from_text("https://example.org/menu", P)


def test_what_no_row_of_codes_holds_is_refused() -> None:
    assert len(to_frames(P, bytes(MESSAGE_BYTES_MAX))) == FRAMES_MAX
    for message in (b"", bytes(MESSAGE_BYTES_MAX + 1)):
        with pytest.raises(FramesUnfit, match="does not go into QR codes"):
            to_frames(P, message)


def test_ordinary_messages_are_one_code_each(tmp_path: Path) -> None:
    payer, payee = Party(fen=500), Party(PAYEE)
    request = payee.ask(120, expires_ms=2**47)
    payment = payer.pay(request)
    said = {
        MessageKind.REQUEST: request, P: payment,
        MessageKind.ACKNOWLEDGEMENT: payee.collect(payment),
    }  # fmt: skip
    for kind, message in said.items():
        [frame] = to_frames(kind, message)
        assert len(frame) < 1_200
        [picture] = draw([frame], tmp_path / f"{kind.value}.png")
        assert from_text("\n".join(read_codes(picture)), kind) == message


def test_pictures_of_several_frames_are_numbered_and_read_again(tmp_path: Path) -> None:
    paths = draw(to_frames(P, LONG), tmp_path / "pay.PNG")
    assert [each.name for each in paths] == ["pay-1.PNG", "pay-2.PNG", "pay-3.PNG"]
    texts = [text for path in reversed(paths) for text in read_codes(path)]
    assert from_text("\n".join(texts), P) == LONG


def test_a_photograph_of_the_code_is_read(tmp_path: Path) -> None:
    [drawn] = draw(to_frames(P, bytes(range(200)) * 3), tmp_path / "code.png")
    with Image.open(drawn) as code:
        photograph = Image.new("RGB", (900, 900), "grey")
        photograph.paste(code.convert("RGB").rotate(8, expand=True, fillcolor="white"), (60, 40))
    photograph.save(tmp_path / "photograph.jpg", quality=70)
    assert from_text(read_codes(tmp_path / "photograph.jpg")[0], P) == bytes(range(200)) * 3


def test_a_drawing_for_print_is_drawn_and_a_terminal_shows_the_code(tmp_path: Path) -> None:
    [frame] = to_frames(P, b"money")
    [path] = draw([frame], tmp_path / "pay.svg")
    assert path.read_text().startswith("<?xml")
    with pytest.raises(FramesUnfit, match="no picture that can be read"):
        read_codes(path)
    assert "█" in in_terminal(frame) or "▄" in in_terminal(frame)
    with pytest.raises(FramesUnfit, match=r"ends in \.png or \.svg"):
        draw([frame], tmp_path / "pay.pdf")
    assert [each.name for each in tmp_path.iterdir()] == ["pay.svg"]


def png(width: int, height: int, data: bytes) -> bytes:
    """A picture whose head says a size, whatever follows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (png(60_000, 60_000, zlib.compress(bytes(100_000))), "too large"),
        (png(10_000, 10_000, zlib.compress(bytes(100_000))), "too large"),
        (png(8_000, 8_000, zlib.compress(bytes(100_000))), "too large"),
        (png(90, 90, b"not deflated"), "no picture"),
        (png(90, 90, zlib.compress(bytes(9))), "no picture"),
        (png(90, 90, zlib.compress(bytes(90 * 91)))[:-30], "no picture|No QR code"),
        (png(90, 90, zlib.compress(bytes(90 * 91))), "No QR code is seen"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n", "no picture"),
        (b"GIF89a" + bytes(100), "no picture"),
        (b"", "no picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "no picture"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(40), "no picture"),
        (b"BM" + b"\xff" * 60, "no picture|too large"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "no picture"),
    ],
)
def test_a_hostile_picture_is_refused_and_nothing_worse(
    tmp_path: Path, data: bytes, told: str
) -> None:
    path = tmp_path / "code.png"
    path.write_bytes(data)
    with pytest.raises(FramesUnfit, match=told):
        read_codes(path)


def test_a_picture_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(FramesUnfit, match="no picture that can be read"):
            read_codes(path)


@settings(max_examples=25)
@given(data=st.binary(max_size=60), place=st.integers(8, 400))
def test_a_bent_picture_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int
) -> None:
    directory = tmp_path_factory.getbasetemp()
    [path] = draw(to_frames(P, b"money"), directory / "bent.png")
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + data + whole[place + len(data) :])
    try:
        texts = read_codes(path)
    except FramesUnfit:
        return
    assert isinstance(texts, list)


def test_a_picture_of_a_kind_that_is_not_asked_for_is_not_opened(tmp_path: Path) -> None:
    """Some kinds start a program to be read: the ending says nothing of what is inside."""
    [drawn] = draw(to_frames(P, b"money"), tmp_path / "drawn.png")
    for kind in ("GIF", "TIFF", "PPM"):
        with Image.open(drawn) as code:
            code.convert("L").save(tmp_path / "code.png", format=kind)
        with pytest.raises(FramesUnfit, match="no picture that can be read"):
            read_codes(tmp_path / "code.png")
