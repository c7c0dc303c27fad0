"""A pcscd of our own: beside any other, and with plain words where it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jiaozi.local import card_readers
from jiaozi.local.card_readers import VirtualReaders, virtual_readers
from jiaozi.local.errors import ReadersFailed

NAMES = "from jiaozi.wallet import readers; print(*readers.reader_names(), sep='\\n')"


def names_seen_with(service: VirtualReaders) -> list[str]:
    environment = os.environ | dict(service.environment)
    command = [sys.executable, "-c", NAMES]
    told = subprocess.check_output(command, env=environment, text=True, timeout=60)
    return told.splitlines()


def test_two_services_run_side_by_side_and_end_apart(
    reader_service: VirtualReaders, tmp_path: Path
) -> None:
    with virtual_readers(tmp_path, slots=1) as second:
        assert len(second.slots) == 2, "slots come in pairs"
        assert names_seen_with(second) == [slot.reader for slot in second.slots]
    assert not (tmp_path / "run" / "pcscd.comm").exists()
    assert names_seen_with(reader_service) == [slot.reader for slot in reader_service.slots]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_readers, "DRIVER", tmp_path / "nothing")
    with pytest.raises(ReadersFailed, match="vsmartcard-vpcd"), virtual_readers(tmp_path):
        pass


def test_a_pcscd_that_does_not_start_is_told_with_what_it_said(
    reader_service: VirtualReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "pcscd"
    failing.write_text("#!/bin/sh\necho I cannot\n")
    failing.chmod(0o755)
    monkeypatch.setattr(card_readers, "_pcscd", lambda: str(failing))
    with pytest.raises(ReadersFailed, match="I cannot"), virtual_readers(tmp_path):
        pass
