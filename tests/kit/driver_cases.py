"""The cases of the drivers: a session as the analyzer sends it, and everything that is read from it.

`python -m tests.kit.driver_cases` writes each expected.json anew; look at what changed before you keep it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from tests.kit.driver_session import play, read_session

ANALYZERS = Path(__file__).resolve().parents[2] / "drivers" / "analyzers"
CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")


def case_folders() -> list[Path]:
    """Every case of every driver in the tree."""
    return sorted(path.parent for path in ANALYZERS.glob("*/cases/*/session.cap"))


def driver_of(case: Path) -> str:
    """The id of the driver that a case belongs to."""
    return case.parents[1].name


def outcome(case: Path, driver: Driver) -> dict[str, Any]:
    """What comes of a case: quirks of the link, refused frames, and the envelopes without their empty fields."""
    played = play(driver, read_session((case / "session.cap").read_text(encoding="utf-8")), CONTEXT)
    return {
        "quirks": sorted(played.quirks),
        "refused_frames": played.refused,
        "unreadable": [str(error) for error in played.errors],
        "messages": [
            envelope.model_dump(mode="json", exclude_defaults=True) for envelope in played.envelopes
        ],
    }


def main() -> None:
    catalogue = load_catalogue()
    for case in case_folders():
        text = json.dumps(
            outcome(case, catalogue.driver(driver_of(case))), indent=1, ensure_ascii=False
        )
        (case / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
