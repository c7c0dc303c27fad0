"""Every code block of the tutorial and the how-to pages runs as it stands there, on one network."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from jiaozi.local.card_readers import Slot, VirtualReaders
from jiaozi.local.ports import free_ports
from tests.card.conftest import reader_service as reader_service
from tests.docs.test_readme import ROOT, background
from tests.docs.warm import warm_jiaozi

DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
CARDS = DOCS / "how-to" / "pay-with-a-card.md"
HOW_TO = sorted(set((DOCS / "how-to").glob("*.md")) - {CARDS})
_FENCE = re.compile(r"(?:<!-- (.*?) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)
_PORTS = (10240, 10241, 10242)
_SLOTS = {"35963": "Virtual PCD 00 00", "35964": "Virtual PCD 00 01"}
_END_WITH_THE_PAGE = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"

pytestmark = pytest.mark.slow


@dataclass
class Tour:
    """A network with its data directory, and the ports that stand in for the documented ones."""

    place: Path
    ports: range
    environment: dict[str, str]
    slots: Sequence[Slot] = ()

    def with_ports(self, text: str) -> str:
        for documented, port in zip(_PORTS, self.ports, strict=False):
            text = text.replace(f":{documented}", f":{port}")
        for (documented_port, name), slot in zip(_SLOTS.items(), self.slots, strict=False):
            text = text.replace(f" {documented_port} ", f" {slot.port} ")
            text = text.replace(name, slot.reader)
        return text

    def run(self, page: Path) -> str:
        """Write the files of a page, run its commands in one shell, and return what they print."""
        commands = []
        for note, language, text in _FENCE.findall(page.read_text("utf-8")):
            code = self.with_ports(text)
            if note.startswith("file: "):
                (self.place / note.removeprefix("file: ")).write_text(code, "utf-8")
            elif language == "bash" and note != "test: background":
                commands.append(code.replace("cd tour\n", ""))
            else:
                assert note, f"{page.name}: a block that no test runs\n{text}"
        script = "\n".join(["set -euo pipefail", _END_WITH_THE_PAGE, *commands])
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.place, env=self.environment, timeout=100,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tour, str]]:
    """A running network, and what the tutorial printed there: the other pages come after it."""
    home = tmp_path_factory.mktemp("docs")
    (home / ".venv").mkdir()
    (home / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    ports = free_ports(4)
    place = home / "tour"
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JIAOZI_PORT_BASE": str(ports[0]),
        "JIAOZI_REGISTRY_URL": f"http://127.0.0.1:{ports[0]}",
        "TERM": "dumb",
    }
    parts = _FENCE.findall(TUTORIAL.read_text("utf-8"))
    [script] = [text for note, _, text in parts if note == "test: background"]
    with background(script, home, environment), warm_jiaozi(home / "warm", environment) as warm:
        path = f"{warm}:{environment['PATH']}"
        it = Tour(place, ports, environment | {"SERVER": server_of(place), "PATH": path})
        yield it, it.run(TUTORIAL)


def server_of(place: Path) -> str:
    """The DSN of the network's own PostgreSQL, as its owner."""
    lines = next(place.glob("postgres/**/postmaster.pid")).read_text().splitlines()
    return f"postgresql://{OWNER}@/postgres?host={quote(lines[4], safe='')}&port={lines[3]}"


OWNER = "postgres"


def test_the_tutorial_pays(tour: tuple[Tour, str]) -> None:
    told = tour[1]
    assert "Exchange: settled" in told
    first, second, *_ = re.findall(r"Payment: (.*)", told)
    assert first == second
    assert "holds 18750 fen" in told
    assert "holds 1250 fen" in told
    assert "limit_single" in told


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_the_page_runs(tour: tuple[Tour, str], page: Path) -> None:
    tour[0].run(page)


def test_the_page_of_cards_runs(tour: tuple[Tour, str], reader_service: VirtualReaders) -> None:
    environment = tour[0].environment | dict(reader_service.environment)
    told = replace(tour[0], environment=environment, slots=reader_service.slots).run(CARDS)
    assert "52.50 yuan taken." in told
    assert "The terminal holds  59.50 yuan" in told
    assert "Holds            85.50 yuan of 1,000.00 at most" in told


def test_every_page_that_tells_how_to_is_tried() -> None:
    assert len(HOW_TO) >= 6
