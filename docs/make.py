"""Renews the pages that are made from code (`make docs`), or tells which are not current.

``python -m docs.make`` writes them; ``python -m docs.make --check`` changes nothing and fails when
one differs from what it is made from.
"""

import sys
from pathlib import Path

from docs import make_api, make_card, make_cli, make_errors, make_settings

PAGES = (make_errors, make_api, make_card, make_cli, make_settings)
ROOT = Path(__file__).parents[1]


def main(*, check: bool) -> int:
    """Write or compare every page; return the exit code."""
    stale = []
    for each in PAGES:
        page, text = each.PAGE, each.render()
        if page.exists() and page.read_text("utf-8") == text:
            continue
        stale.append(str(page.relative_to(ROOT)))
        if not check:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, "utf-8")
    if check and stale:
        sys.stderr.write(f"Not current: {', '.join(stale)}. Run `make docs`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
