"""The cases of the drivers: a session or a file as the analyzer writes it, and everything that is read from it.

`python -m tests.kit.driver_cases` writes each expected.json anew, or those of the drivers named behind it; look at what
changed before you keep it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from tests.kit.driver_session import Played, play, play_file, read_session

ANALYZERS = Path(__file__).resolve().parents[2] / "drivers" / "analyzers"
SESSION, FILE = "session.cap", "file.cap"
CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")


def case_folders() -> list[Path]:
    """Every case of every driver in the tree."""
    found = (ANALYZERS.glob(f"*/cases/*/{name}") for name in (SESSION, FILE))
    return sorted(path.parent for paths in found for path in paths)


def driver_of(case: Path) -> str:
    """The id of the driver that a case belongs to."""
    return case.parents[1].name


def outcome(case: Path, driver: Driver) -> dict[str, Any]:
    """What comes of a case: quirks of the link, refused frames, and the envelopes without their empty fields."""
    played = _play(case, driver)
    return {
        "quirks": sorted(played.quirks),
        "refused_frames": played.refused,
        "unreadable": [str(error) for error in played.errors],
        "messages": [
            envelope.model_dump(mode="json", exclude_defaults=True) for envelope in played.envelopes
        ],
    }


def _play(case: Path, driver: Driver) -> Played:
    if (case / FILE).exists():
        steps = read_session((case / FILE).read_text(encoding="utf-8"))
        return play_file(driver, b"".join(steps), CONTEXT)
    return play(driver, read_session((case / SESSION).read_text(encoding="utf-8")), CONTEXT)


def main(wanted: list[str]) -> None:
    catalogue = load_catalogue()
    for case in case_folders():
        if wanted and driver_of(case) not in wanted:
            continue
        text = json.dumps(
            outcome(case, catalogue.driver(driver_of(case))), indent=1, ensure_ascii=False
        )
        (case / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
