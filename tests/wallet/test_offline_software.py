"""A purse in a file: on disk before it speaks, whoever else uses it and wherever it is killed."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jiaozi.protocol.offline.messages import read_payment
from jiaozi.protocol.offline.proofs import DoubleSpendFound, ProofKind, verify_proof
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import PurseDamaged, PurseExists, PurseMissing, PurseUnavailable
from jiaozi.wallet.offline.device import acknowledge_waiting
from jiaozi.wallet.offline.software import SoftwarePurse
from tests.protocol.builders import ALICE, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    LATER_MS,
    PAYEE,
    PAYER,
    THIRD,
    Party,
    chain_of,
    device_of,
    load_message,
    time_message,
)
from tests.wallet.purses import DONE, KILLED, copied, ended, made, mortal, opened, start

NOT_SAID = "after COMMIT"
ROOMY = {"out_count": 1_000, "out_fen": 10**6}


@dataclass
class Story:
    """A load, a payment, an unload and a synchronisation; steps say what the next ones need."""

    directory: Path
    load: bytes = field(default_factory=lambda: load_message(PAYER, 1, 600))
    said: dict[str, bytes] = field(default_factory=dict)

    def open(self, party: str) -> SoftwarePurse:
        """Open one of the two purses."""
        return opened(self.directory / party, PAYER if party == "payer" else PAYEE)

    @property
    def holdings(self) -> tuple[int, int]:
        """What payer and payee hold, by their files."""
        with self.open("payer") as payer, self.open("payee") as payee:
            return payer.view().balance_fen, payee.view().balance_fen

    def take(self, step: str, purse: SoftwarePurse) -> bytes | None:
        """Take one step with the messages of those before."""
        match step:
            case "load":
                purse.take_load(self.load)
            case "request":
                return purse.ask(120, END_MS)
            case "pay":
                return purse.pay(self.said["request"])
            case "collect":
                return purse.collect(self.said["pay"])
            case "acknowledge":
                acknowledge_waiting(purse, self.said["collect"])
            case "unload":
                return purse.unload(50, ALICE)
            case "synchronise":
                party = Party(PAYER)
                party.purse = purse.purse
                purse.synchronise(party.checkpoint(), time_message(LATER_MS))
        return None

    def play(self, step: str) -> None:
        """Take one step and keep what was said."""
        with self.open(STEPS[step]) as purse:
            self.said[step] = self.take(step, purse) or b""


STEPS = {
    "load": "payer", "request": "payee", "pay": "payer", "collect": "payee",
    "acknowledge": "payer", "unload": "payer", "synchronise": "payer",
}  # fmt: skip
END = (600 - 120 - 50, 120)
CUTS = [(step, NOT_SAID) for step in STEPS] + [
    pytest.param(step, kill_at, marks=() if step == "pay" else pytest.mark.chaos)
    for step in STEPS
    for kill_at in ("before UPDATE", "after UPDATE", "before COMMIT")
]


def story_until(directory: Path, step: str) -> Story:
    """A story that is about to come to a step."""
    made(directory / "payer", PAYER).close()
    made(directory / "payee", PAYEE).close()
    story = Story(directory)
    for each in [*STEPS][: [*STEPS].index(step)]:
        story.play(each)
    return story


def killed_at(story: Story, step: str, kill_at: str) -> None:
    """Take a step in a process of its own, which dies there."""

    def act() -> None:
        story.take(step, mortal(story.open(STEPS[step]), kill_at))

    assert ended(start(act)) == KILLED


def go_on(story: Story, step: str) -> None:
    """Do as a holder does whose program went away: the same again, or what waits."""
    with story.open(STEPS[step]) as purse:
        waiting = purse.waiting()
        is_done = {
            "unload": len(waiting) == 1,
            "acknowledge": not waiting,
            "synchronise": purse.purse.checkpoint_number == 1,
        }.get(step, False)
        if not is_done:
            story.said[step] = story.take(step, purse) or b""
    for each in [*STEPS][[*STEPS].index(step) + 1 :]:
        story.play(each)


@pytest.mark.parametrize(("step", "kill_at"), CUTS)
def test_totals_are_exact_wherever_the_program_is_killed(
    tmp_path: Path, step: str, kill_at: str
) -> None:
    story = story_until(tmp_path, step)
    with story.open(STEPS[step]) as purse:
        before = purse.purse

    killed_at(story, step, kill_at)

    with story.open(STEPS[step]) as purse:
        assert (purse.purse == before) == (kill_at != NOT_SAID)
    assert sum(story.holdings) <= 600
    go_on(story, step)
    assert story.holdings == END


def test_what_was_written_and_not_said_is_said_with_the_same_bytes(tmp_path: Path) -> None:
    story = story_until(tmp_path, "pay")
    killed_at(story, "pay", NOT_SAID)
    with story.open("payer") as payer:
        [waiting] = payer.waiting()
        assert payer.pay(story.said["request"]) == payer.pay(story.said["request"]) == waiting
        assert payer.view().counter == 1


def test_a_message_is_returned_only_once_the_purse_is_on_disk(tmp_path: Path) -> None:
    story = story_until(tmp_path, "pay")
    with story.open("payer") as payer, story.open("payer") as another:
        payer.pay(story.said["request"])
        assert another.purse == payer.purse
        assert another.view().counter == 1


def test_two_programs_at_once_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "purse"
    made(path, PAYER, fen=1_000, **ROOMY).close()

    def spend() -> None:
        with opened(path, PAYER) as purse:
            for _ in range(15):
                purse.unload(10, ALICE)

    assert [ended(each) for each in [start(spend) for _ in range(3)]] == [DONE] * 3
    with opened(path, PAYER) as purse:
        counters = [read_payment(each, ANCHOR)[0].counter for each in purse.waiting()]
        assert counters == [*range(1, 46)]
        assert purse.view().balance_fen == 1_000 - 45 * 10


def test_of_purses_made_at_once_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "purse"

    def make(seed: int) -> Callable[[], object]:
        def act() -> None:
            with suppress(PurseExists):
                made(path, seed, fen=100).close()

        return act

    seeds = (PAYER, PAYEE, THIRD)
    assert [ended(each) for each in [start(make(seed)) for seed in seeds]] == [DONE] * 3
    standing = []
    for seed in seeds:
        with suppress(PurseDamaged), opened(path, seed) as purse:
            standing.append(purse.view().balance_fen)
    assert standing == [100]


def test_a_purse_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "purse"
    made(path, PAYER, fen=100).close()
    for seed in (PAYER, PAYEE):
        with pytest.raises(PurseExists, match="Nothing was changed"):
            SoftwarePurse.create(path, chain_of(device_of(seed)), signer_of(seed), ANCHOR)
    with opened(path, PAYER) as purse:
        assert purse.view().balance_fen == 100
    assert path.stat().st_mode & 0o077 == 0, "a purse is its owner's alone"


@pytest.mark.parametrize("leftover", ["nothing written", "tables only"])
def test_what_a_cut_off_making_leaves_is_no_purse_and_no_obstacle(
    tmp_path: Path, leftover: str
) -> None:
    path = tmp_path / "purse"
    if leftover == "nothing written":
        path.touch()
    else:
        made(tmp_path / "other", PAYER).close()
        copied(tmp_path / "other", path)
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM purse")
        connection.close()
    with pytest.raises(PurseMissing, match="Make one"):
        opened(path, PAYER)
    with made(path, PAYER, fen=100) as purse:
        assert purse.view().balance_fen == 100


def test_a_file_that_is_no_purse_of_this_key_says_so(tmp_path: Path) -> None:
    path = tmp_path / "purse"
    path.write_bytes(b"no database at all" * 300)
    for use in (lambda: opened(path, PAYER), lambda: made(path, PAYER)):
        with pytest.raises(PurseDamaged, match="report it lost"):
            use()
    made(tmp_path / "foreign", PAYEE).close()
    with pytest.raises(PurseDamaged, match="another key"):
        opened(tmp_path / "foreign", PAYER)
    made(tmp_path / "bent", PAYER).close()
    for state in (b"", b"\x80", b"\xf6", b"not cbor"):
        with sqlite3.connect(tmp_path / "bent") as connection:
            connection.execute("UPDATE purse SET state = ?", (state,))
        connection.close()
        with pytest.raises(PurseDamaged, match="is damaged"):
            opened(tmp_path / "bent", PAYER)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_or_read_only_disk_says_so_and_nothing_moved(small_disk: Path) -> None:
    story = story_until(small_disk, "pay")
    with story.open("payer") as payer:
        with (small_disk / "rest").open("wb", buffering=0) as rest, suppress(OSError):
            while rest.write(bytes(1 << 10)):
                pass
        with pytest.raises(PurseUnavailable, match="nothing moved") as full:
            while True:  # what the journal has room for is written
                payer.ask(1, END_MS)
        assert "full" in full.value.detail
        before = payer.purse
        with pytest.raises(PurseUnavailable):
            payer.pay(story.said["request"])
        assert payer.purse == before
        (small_disk / "rest").unlink()
        assert payer.pay(story.said["request"]) == payer.waiting()[0]
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(PurseUnavailable, match="cannot be read or written"):
        story.open("payee").ask(1, END_MS)
    with pytest.raises(PurseUnavailable):
        made(small_disk / "new", THIRD)


def test_a_copied_purse_pays_twice_and_its_payee_keeps_the_proof(tmp_path: Path) -> None:
    story = story_until(tmp_path, "pay")
    copy = copied(tmp_path / "payer", tmp_path / "copy")
    story.play("pay")
    story.play("collect")
    with story.open("payee") as payee, opened(copy, PAYER) as clone:
        twice = clone.pay(payee.ask(99, END_MS))
        for _ in range(2):
            with pytest.raises(DoubleSpendFound):
                payee.collect(twice)
        assert payee.view().balance_fen == 120
    with story.open("payee") as payee:
        [proof] = payee.proofs()
    verified = verify_proof(proof, ANCHOR)
    assert verified.kind is ProofKind.DOUBLE_SPEND
    assert verified.device == signer_of(PAYER).public_key


def test_a_purse_that_was_set_back_takes_no_checkpoint_of_the_one_that_went_on(
    tmp_path: Path,
) -> None:
    story = story_until(tmp_path, "pay")
    copy = copied(tmp_path / "payer", tmp_path / "copy")
    story.play("pay")
    with story.open("payer") as payer, opened(copy, PAYER) as clone:
        party = Party(PAYER)
        party.purse = payer.purse
        with pytest.raises(Refusal) as refused:
            clone.synchronise(party.checkpoint(), time_message(LATER_MS))
        assert refused.value.code is Code.CHECKPOINT_UNFIT
        assert clone.view().balance_fen == 600
