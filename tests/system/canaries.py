"""Words that only their holders and operators may know, and every form in which one could lie."""

import base64
import hashlib
import io
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

_PIECE_BYTES = 8 << 20
_OVERLAP_BYTES = 4096


def forms_of(word: str) -> dict[str, bytes]:
    """Every form of a word that is looked for, by its name."""
    raw = word.encode()
    forms = {
        "utf-8": raw,
        "utf-16-le": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "utf-32-le": word.encode("utf-32-le"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "json": json.dumps(word)[1:-1].encode(),
        "url": quote(word).encode(),
        "reversed": raw[::-1],
        "base32": base64.b32encode(raw).rstrip(b"=")[: len(raw) * 8 // 5],
        "base85": base64.b85encode(raw)[: len(raw) // 4 * 5],
    }
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        # A word in the middle of a longer text begins at any of three places in a group.
        for offset in range(3):
            encoded = encode(bytes(offset) + raw)
            forms[f"{name} at {offset}"] = encoded[4 if offset else 0 : -4]
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        # A phone number is soon found from a digest without a key.
        digest = hashlib.new(name, raw).digest()
        forms |= {name: digest, f"{name} in hex": digest.hex().encode()}
    try:
        number = int(word)
    except ValueError:
        return forms
    return forms | {
        "integer": number.to_bytes(8, "big"),
        "integer-le": number.to_bytes(8, "little"),
    }


def found_in(content: bytes, words: Iterable[str]) -> list[tuple[str, str]]:
    """Return which words stand in some bytes, and in which form."""
    return [
        (word, name) for word in words for name, form in forms_of(word).items() if form in content
    ]


async def tables(dsn: str) -> bytes:
    """Every row of every table of a database in PostgreSQL's binary form."""
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname !~ '^(pg_|information_schema)'"
        )
        content = io.BytesIO()
        for (name,) in names:
            await connection.copy_from_query(
                f"SELECT * FROM {name}", output=content, format="binary"
            )
    finally:
        await connection.close()
    assert len(names) > 5
    return content.getvalue()


def files_with(directory: Path, words: Iterable[str]) -> list[str]:
    """Return the files below a directory in which a word stands, in any form that is text."""
    forms = {
        form
        for word in words
        for form in forms_of(word).values()
        if form.isascii() or form == word.encode()
    }
    patterns = b"\n".join(each for each in forms if not {0, 10} & set(each))
    done = subprocess.run(
        ["grep", "-raFl", "-f", "-", str(directory)],
        input=patterns,
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.defpath},
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode().splitlines()


def found_in_memory(pid: int, words: Iterable[str]) -> set[str]:
    """Return which words stand in the memory of a process and of those that it started."""
    arguments = [part for word in words for part in ("-e", word)]
    process = psutil.Process(pid)
    found: set[str] = set()
    for each in (process, *process.children(recursive=True)):
        for piece in _memory(each.pid):
            if piece.count(0) < len(piece):
                done = subprocess.run(
                    ["grep", "-aFo", *arguments],
                    input=piece,
                    capture_output=True,
                    check=False,
                    env={"LC_ALL": "C", "PATH": os.defpath},
                )
                found |= set(done.stdout.decode().splitlines())
    return found


def _memory(pid: int) -> Iterator[bytes]:
    """Read what a process may write to, in pieces that overlap."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in place.split("-"))
            while start < end:
                try:
                    memory.seek(start)
                    yield memory.read(min(end - start, _PIECE_BYTES + _OVERLAP_BYTES))
                except (OSError, ValueError, OverflowError):
                    break
                start += _PIECE_BYTES
