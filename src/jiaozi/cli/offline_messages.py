"""How commands take and give the messages of purses: as text, as pictures of QR codes, as files.

And how they write down what convicts somebody.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.output import stdout
from jiaozi.wallet.errors import FramesUnfit, MessageNotGiven
from jiaozi.wallet.offline.frames import SCHEME, MessageKind, from_text, is_frame, to_frames
from jiaozi.wallet.offline.pictures import check_drawable, draw, in_terminal, read_codes

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_TEXT_BYTES_MAX = 1 << 20

Picture = Annotated[
    Path | None,
    typer.Option(
        "--picture",
        dir_okay=False,
        help="Draw the QR code to this .png or .svg; several are numbered.",
    ),
]
TextFile = Annotated[
    Path | None, typer.Option("--text", dir_okay=False, help="Write the message as text.")
]


def read_message(given: Sequence[str], kind: MessageKind) -> bytes:
    """Read one message from what stands on the command line: texts, text files or pictures.

    Raises:
        FramesUnfit: They are not all the frames of one message of this kind.
    """
    return from_text("\n".join(line for each in given for line in _lines(each)), kind)


def check_given(*, picture: Path | None, text: Path | None) -> None:
    """Check, before a purse does anything, that what it will say can be written where asked for.

    Raises:
        FramesUnfit: It cannot.
    """
    if picture is not None:
        check_drawable(picture)
    for each in filter(None, (picture, text)):
        if not each.absolute().parent.is_dir():
            raise FramesUnfit(detail=f"{each} is in a directory that does not exist")


def give_message(
    kind: MessageKind, message: bytes, *, picture: Path | None, text: Path | None, quiet: bool
) -> list[str]:
    """Write a message where it was asked for, or show it in the terminal, and return its frames.

    Raises:
        MessageNotGiven: It cannot be drawn or written there; what the purse did stands.
    """
    frames = to_frames(kind, message)
    try:
        if picture is not None:
            draw(frames, picture)
        if text is not None:
            text.write_text("\n".join(frames) + "\n", "ascii")
    except OSError as error:
        raise MessageNotGiven(detail=f"The message cannot be written: {error}") from error
    if not quiet and picture is None and text is None:
        for frame in frames:
            if stdout.is_terminal:
                typer.echo(in_terminal(frame))
            typer.echo(frame)
    return frames


def write_proof(directory: Path, proof: bytes) -> Path:
    """Write what convicts somebody down, as `jiaozi offline verify-proof` reads it.

    Raises:
        MessageNotGiven: It cannot be written there.
    """
    path = directory / f"proof-{sha256(proof).hexdigest()[:16]}.cbor"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_bytes(proof)
    except OSError as error:
        raise MessageNotGiven(detail=f"A proof cannot be written: {error}") from error
    return path


def _lines(given: str) -> list[str]:
    if is_frame(given):
        return given.split()
    path = Path(given)
    if path.suffix.lower() in _PICTURES:
        return read_codes(path)
    try:
        with path.open(encoding="ascii") as file:
            found = file.read(_TEXT_BYTES_MAX).split()
    except OSError as error:
        raise FramesUnfit(
            detail=f"{given} is neither a message that begins with {SCHEME}, nor a file that can "
            f"be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise FramesUnfit(detail=f"{given} is neither a picture nor a text of codes") from error
    if not found:
        raise FramesUnfit(detail=f"{given} holds nothing")
    return found
