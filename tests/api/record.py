"""Record the public surface in surface.txt beside this file: `make surface`.

Additions are recorded; a break is refused unless CHANGELOG.md announces it, which a test sees as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

from api_breaks import announced, find_breaks, read_record
from api_surface import read_surface

RECORD = Path(__file__).parent / "surface.txt"
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
COMMAND = "make surface"
HEADER = f"""\
# What plugins and scripts build on; docs/plugin-authors/stability.md says what that means.
# Written from the code: {COMMAND}. A line that changes or goes is a break, which CHANGELOG.md must announce.
"""


def unannounced(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the breaks that the changelog does not announce, one sentence each."""
    changelog = CHANGELOG.read_text(encoding="utf-8")
    return [str(broken) for broken in find_breaks(before, now) if not announced(broken, changelog)]


def written(surface: dict[str, str]) -> str:
    """Return a surface as text."""
    return HEADER + "".join(f"{name}: {promise}\n" for name, promise in surface.items())


if __name__ == "__main__":
    now = read_surface()
    before = read_record(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    broken = unannounced(before, now)
    if broken:
        print(*broken, sep="\n")
        sys.exit("Announce them under Changed or Removed of [Unreleased] in CHANGELOG.md, by name in backticks.")
    RECORD.write_text(written(now), encoding="utf-8")
    print(f"recorded {len(now)} promises")
