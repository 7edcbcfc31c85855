"""The generated parts of the drivers' documentation. `python -m tests.kit.driver_pages` writes them."""

from __future__ import annotations

import re
from pathlib import Path

import drivers
from middleware.driver import page

ROOT = Path(__file__).resolve().parents[2]
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Each page with its generated parts, as it should be."""
    parts = {
        "catalogue": page.catalogue_table(drivers.CATALOGUE.profiles()),
        "quirks": page.quirks_table(),
        "value_rules": page.value_rules_table(),
        "profile": page.profile_tables(),
    }
    paths = (ROOT / "drivers" / "README.md", ROOT / "middleware" / "driver" / "README.md")
    return {path: _fill(path.read_text(encoding="utf-8"), parts) for path in paths}


def _fill(text: str, parts: dict[str, str]) -> str:
    return _PART.sub(lambda found: f"{found[1]}{parts[found[2]]}\n{found[3]}", text)


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
