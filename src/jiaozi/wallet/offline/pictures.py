"""QR codes as pictures and in a terminal, by libraries: segno draws, zxing-cpp and Pillow read."""

import io
from collections.abc import Sequence
from pathlib import Path

import segno

from jiaozi.wallet.errors import FramesUnfit

_SCALE, _BORDER = 4, 4
_PIXELS_MAX = 50_000_000


def draw(frames: Sequence[str], path: Path) -> list[Path]:
    """Write each frame as a picture; the kind follows the file's ending (``.png`` or ``.svg``).

    Several frames go to files numbered from 1: ``pay-1.png``, ``pay-2.png``.

    Returns:
        The files.

    Raises:
        FramesUnfit: The ending is of no kind of picture that can be drawn.
        OSError: A file cannot be written.
    """
    if path.suffix not in (".png", ".svg"):
        raise FramesUnfit(detail=f"{path}: a picture ends in .png or .svg")
    paths = (
        [path]
        if len(frames) == 1
        else [path.with_stem(f"{path.stem}-{number}") for number in range(1, len(frames) + 1)]
    )
    for frame, each in zip(frames, paths, strict=True):
        _code(frame).save(str(each), scale=_SCALE, border=_BORDER)
    return paths


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
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > _PIXELS_MAX:
                raise FramesUnfit(detail=f"{path} is too large a picture")
            grey = image.convert("L")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise FramesUnfit(detail=f"{path} is no picture that can be read: {error}") from error
    texts = [each.text for each in zxingcpp.read_barcodes(grey)]
    if not texts:
        raise FramesUnfit(detail=f"No QR code is seen in {path}")
    return texts


def _code(frame: str) -> segno.QRCode:
    return segno.make(frame, error="m", micro=False, boost_error=False)
