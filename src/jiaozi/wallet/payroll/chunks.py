"""Reading a file twice and proving that it was the same file.

The first pass keeps the SHA-256 of everything up to the end of each chunk; the second compares
each chunk before anyone parses it. So a file that is overwritten while it is being paid is noticed
before the first changed byte counts, without a copy of it on disk.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from jiaozi.wallet.payroll.errors import FileChanged, FileTooLarge

CHUNK_BYTES = 64 * 2**10


def sealed_chunks(file: BinaryIO, digests: list[bytes], *, bytes_max: int) -> Iterator[bytes]:
    """Yield the file from its start in chunks and append the digest of each prefix to `digests`.

    Raises:
        FileTooLarge: The file is longer than `bytes_max`.
    """
    file.seek(0)
    running = hashlib.sha256()
    read_bytes = 0
    while chunk := _read_chunk(file):
        read_bytes += len(chunk)
        if read_bytes > bytes_max:
            raise FileTooLarge(detail=f"The file is longer than {bytes_max:,} bytes")
        running.update(chunk)
        digests.append(running.digest())
        yield chunk


def verified_chunks(file: BinaryIO, digests: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the chunks of which `digests` tell; bytes after them are never read.

    Raises:
        FileChanged: The next chunk is not the one that was sealed.
    """
    file.seek(0)
    running = hashlib.sha256()
    for number, digest in enumerate(digests):
        chunk = _read_chunk(file)
        running.update(chunk)
        if running.digest() != digest:
            raise FileChanged(
                detail=f"The file was changed after it was checked, behind byte "
                f"{number * CHUNK_BYTES:,}"
            )
        yield chunk


def _read_chunk(file: BinaryIO) -> bytes:
    """Read a full chunk, or less at the end of the file only: a raw file may return short."""
    parts: list[bytes] = []
    missing = CHUNK_BYTES
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
