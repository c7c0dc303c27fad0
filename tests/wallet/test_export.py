"""Keys taken elsewhere: sealed, whole, with the journal, and never in two places by accident."""

import os
import stat
from pathlib import Path

import pytest

from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import ExportDamaged, ExportFailed, KeystoreExists, PassphraseWrong
from jiaozi.wallet.export import export_keys, import_keys
from jiaozi.wallet.keystore import KdfCost, read_keystore, write_keystore
from jiaozi.wallet.store import Journal
from jiaozi.wallet.wallet import journal_path, keystore_path
from tests.wallet.conftest import NUMBER, keystore_for, seed
from tests.wallet.fake_operator import FakeOperator
from tests.wallet.test_journal import SETTLED, order, payment

PASSPHRASE = "correct horse battery"
QUICK = KdfCost(8, 1, 1)


@pytest.fixture
def home(operator: FakeOperator, tmp_path: Path) -> Path:
    """A wallet with an open order, a finished one and a payroll."""
    home = tmp_path / "home"
    write_keystore(
        keystore_path(home), keystore_for(operator), PASSPHRASE, random=os.urandom, cost=QUICK
    )
    with Journal(journal_path(home)) as journal:
        journal.store([order(1), order(2)])
        journal.record({order(2).order_id: SETTLED})
        journal.claim_payments([(payment(), order(3), None)])
    return home


def export(home: Path, file: Path, passphrase: str = PASSPHRASE) -> int:
    return export_keys(home, file, passphrase, SYSTEM_EDGE, cost=QUICK)


def test_what_is_imported_is_what_was_exported(home: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    assert export(home, file) == 2
    assert import_keys(elsewhere, file, PASSPHRASE).number == NUMBER
    assert read_keystore(keystore_path(elsewhere), PASSPHRASE).seed == seed("wallet")
    with Journal(journal_path(elsewhere)) as journal:
        assert [each.order_id for each in journal.open_orders(limit=9)] == [
            order(1).order_id,
            order(3).order_id,
        ]
        assert journal.find_payment("M1", "P1") is not None
        journal.store([order(4)])
    with Journal(journal_path(home)) as journal:
        assert journal.is_moved()


def test_the_file_shows_nothing_and_is_for_its_owner_alone(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    export(home, file)
    data = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert seed("wallet") not in data
    assert b"keystore" not in data
    assert b"SQLite" not in data


def test_a_wallet_stays_where_it_is_unless_the_file_was_written(home: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("something else")
    with pytest.raises(ExportFailed):
        export(home, taken)
    with pytest.raises(PassphraseWrong):
        export(home, tmp_path / "file", "another passphrase")
    assert taken.read_text() == "something else"
    with Journal(journal_path(home)) as journal:
        journal.store([order(5)])


def test_after_a_crash_the_same_command_exports_again(home: Path, tmp_path: Path) -> None:
    with Journal(journal_path(home)) as journal:
        journal.mark_moved(1)
    assert export(home, tmp_path / "file") == 2
    import_keys(tmp_path / "elsewhere", tmp_path / "file", PASSPHRASE)
    with Journal(journal_path(tmp_path / "elsewhere")) as journal:
        journal.store([order(5)])


def test_a_wallet_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    export(home, file)
    before = keystore_path(home).read_bytes()
    for there in (keystore_path(tmp_path / "a"), journal_path(tmp_path / "b")):
        there.parent.mkdir()
        there.write_text("mine")
        with pytest.raises(KeystoreExists):
            import_keys(there.parent, file, PASSPHRASE)
        assert there.read_text() == "mine"
    assert keystore_path(home).read_bytes() == before


def test_a_changed_file_or_another_passphrase_opens_nothing(home: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    export(home, file)
    data = file.read_bytes()
    with pytest.raises(PassphraseWrong):
        import_keys(elsewhere, file, "another passphrase")
    for place in (data.index(b"\n") + 5, data.index(b"exported_ms") + 15, len(data) - 1):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises((PassphraseWrong, ExportDamaged)):
            import_keys(elsewhere, file, PASSPHRASE)
    for other in (b"", b"{}\n", b"[]\n", b"\xff" * 99, data[:40]):
        file.write_bytes(other)
        with pytest.raises(ExportDamaged):
            import_keys(elsewhere, file, PASSPHRASE)
    with pytest.raises(ExportFailed):
        import_keys(elsewhere, tmp_path / "nothing", PASSPHRASE)
    assert not elsewhere.exists()
