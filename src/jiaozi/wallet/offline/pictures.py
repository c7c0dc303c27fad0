"""QR codes as pictures and in a terminal, by libraries: segno draws, zxing-cpp and Pillow read."""

import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import segno

from jiaozi.wallet.errors import FramesUnfit

_SCALE, _BORDER = 4, 4
_PIXELS_MAX = 50_000_000
_READ_KINDS = ("PNG", "JPEG", "WEBP", "BMP")
"""Others would let a picture start programs, or cost what it likes."""
_DAMAGES = (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, OverflowError)
"""What a picture that is damaged, or made to do harm, makes Pillow raise."""


def draw(frames: Sequence[str], path: Path) -> list[Path]:
    """Write each frame as a picture; the kind follows the file's ending (``.png`` or ``.svg``).

    Several frames go to files numbered from 1: ``pay-1.png``, ``pay-2.png``.

    Returns:
        The files.

    Raises:
        FramesUnfit: The ending is of no kind of picture that can be drawn.
        OSError: A file cannot be written.
    """
    check_drawable(path)
    paths = (
        [path]
        if len(frames) == 1
        else [path.with_stem(f"{path.stem}-{number}") for number in range(1, len(frames) + 1)]
    )
    for frame, each in zip(frames, paths, strict=True):
        _code(frame).save(str(each), scale=_SCALE, border=_BORDER)
    return paths


def check_drawable(path: Path) -> None:
    """Check that a picture of this name could be drawn.

    Raises:
        FramesUnfit: The ending is of no kind of picture that can be drawn.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise FramesUnfit(detail=f"{path}: a picture ends in .png or .svg")


def in_terminal(frame: str) -> str:
    """Return a code as a text of half blocks, for a terminal."""
    out = io.StringIO()
    _code(frame).terminal(out=out, compact=True, border=2)
    return out.getvalue()


def read_codes(path: Path) -> list[str]:
    """Return the texts of all QR codes in a picture.

    Raises:
        FramesUnfit: It is no picture, too large, or no code is seen in it.
    """
    # Large libraries, for whoever scans only.
    import zxingcpp
    from PIL import Image

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_READ_KINDS) as image:
                if image.width * image.height > _PIXELS_MAX:
                    raise FramesUnfit(detail=f"{path} is too large a picture")
                grey = image.convert("L")
    except bombs as error:
        raise FramesUnfit(detail=f"{path} is too large a picture") from error
    except (*_DAMAGES, struct.error, zlib.error) as error:
        raise FramesUnfit(detail=f"{path} is no picture that can be read: {error}") from error
    texts = [each.text for each in zxingcpp.read_barcodes(grey)]
    if not texts:
        raise FramesUnfit(detail=f"No QR code is seen in {path}")
    return texts


def _code(frame: str) -> segno.QRCode:
    return segno.make(frame, error="m", micro=False, boost_error=False)
