"""A file that changes between the two passes is noticed before a changed byte counts."""

from io import BytesIO, RawIOBase

import pytest

from jiaozi.wallet.payroll import read_payments
from jiaozi.wallet.payroll.chunks import CHUNK_BYTES
from jiaozi.wallet.payroll.errors import FileChanged
from tests.wallet.payroll.builders import block, check, message, payments, transfer


def _long_file() -> bytes:
    return payments(*(transfer(f"A{n:06d}") for n in range(2_000)))


class _ShortReads(RawIOBase):
    """A file that returns fewer bytes than it was asked for, as raw files may."""

    def __init__(self, data: bytes) -> None:
        self._file = BytesIO(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 1_000))


@pytest.mark.parametrize("at", [0, CHUNK_BYTES - 1, CHUNK_BYTES, -1])
def test_nothing_behind_a_changed_byte_is_paid(at: int) -> None:
    data = _long_file()
    found = check(data)
    changed = bytearray(data)
    changed[at] ^= 1
    paid = []

    with pytest.raises(FileChanged) as caught:
        paid.extend(read_payments(BytesIO(bytes(changed)), found))

    chunk_start = (at % len(data)) // CHUNK_BYTES * CHUNK_BYTES
    assert len(paid) <= data[:chunk_start].count(b"</CdtTrfTxInf>")
    assert caught.value.message_id == "M1"
    assert "what is paid is not paid twice" in str(caught.value)


def test_a_file_cut_short_after_the_check_is_noticed() -> None:
    data = _long_file()
    with pytest.raises(FileChanged):
        list(read_payments(BytesIO(data[:-1]), check(data)))


def test_bytes_added_after_the_check_are_never_read() -> None:
    data = _long_file() + b"\n" * (-len(_long_file()) % CHUNK_BYTES)
    longer = data + message(block(transfer("B1")))
    assert len(list(read_payments(BytesIO(longer), check(data)))) == 2_000


def test_the_check_holds_for_a_file_that_reads_short() -> None:
    data = _long_file()
    assert len(list(read_payments(_ShortReads(data), check(data)))) == 2_000


def test_the_digest_is_the_files_own() -> None:
    data = _long_file()
    other = data.replace(b"A000001", b"A999999")
    assert check(data).file_digest == check(data).file_digest != check(other).file_digest
