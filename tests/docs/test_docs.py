"""The documents say what the program does, and lead nowhere that is not there."""

import re
from pathlib import Path

import pytest

from docs.make_errors import PAGE, render

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_EVENT = re.compile(r"""_log\.(?:warning|error|critical)\(\s*"([a-z_]+)\"""")
_REFERENCE = re.compile(r"\b(rules|design|domain)\.md §([A-H]|[0-9])")


def test_the_page_of_refusals_is_current() -> None:
    assert PAGE.read_text("utf-8") == render(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, _ in _LINK.findall(page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_alarm_in_the_logs_is_explained() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for source in (ROOT / "src").rglob("*.py"):
        for event in _EVENT.findall(source.read_text("utf-8")):
            assert f"`{event}`" in told, f"{event} of {source.name}"


def test_the_rules_that_code_names_are_there() -> None:
    for source in (*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for document, section in _REFERENCE.findall(source.read_text("utf-8")):
            page = (ROOT / "docs" / f"{document}.md").read_text("utf-8")
            assert f"\n## {section}. " in page, f"{document}.md §{section} of {source.name}"


def test_every_decision_is_listed_and_says_what_enforces_it() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs" / "adr").glob("0*.md"):
        assert f"({page.name})" in index
        text = page.read_text("utf-8")
        for part in ("## Decision", "## Enforced by", "## Rejected"):
            assert part in text, f"{page.name}: {part}"
        assert len(text.splitlines()) < 80, "one page"
