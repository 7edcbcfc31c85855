"""The files of a drafted driver: profile, README, sample settings, and the recording as a first case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from middleware.draft.draft import Draft
from middleware.draft.evidence import Confidence
from middleware.draft.nameless import without_people
from middleware.draft.recognise import Kind
from middleware.driver.api import Driver
from middleware.driver.cases import (
    CASE_CONTEXT,
    CASES,
    EXPECTED,
    FILE,
    SESSION,
    outcome,
    play,
    play_file,
)
from middleware.wire.capture import lossless

FIRST_CASE = "first_recording"
_NO_CASE = (
    "There is no case yet: people in the recording could not be replaced, or it is too long. "
    "`--keep-people` keeps them."
)
_LIMITS = (
    "## Known limitations\n\n"
    "- Drafted from one recording; nothing was compared with the analyzer's own printout yet."
)
_MOST_BYTES = 256 * 1024
_MOST_CODES = 200
_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PORTS = {Kind.LIS2: 4010, Kind.HL7: 2575, Kind.LAW: 2575, Kind.POCT1A: 3001, Kind.TELEGRAM: 4010}


def files_of(draft: Draft, driver: Driver, key: bytes | None) -> dict[str, str]:
    """Text by place in the driver's folder. `key` None: people stay in the case.

    Without a case where people cannot be replaced, or where the recording is too long to be kept.
    """
    files = {
        "driver.toml": draft.profile,
        "sample.toml": _sample(draft),
    }
    steps = (
        draft.steps if key is None else without_people(draft.steps, draft.kind, draft.findings, key)
    )
    has_case = steps is not None and sum(map(len, steps)) <= _MOST_BYTES
    if steps is not None and has_case:
        folder = f"{CASES}/{FIRST_CASE}"
        played = (
            play_file(driver, b"".join(steps), CASE_CONTEXT)
            if draft.is_file
            else play(driver, steps, CASE_CONTEXT)
        )
        name = FILE if draft.is_file else SESSION
        files[f"{folder}/{name}"] = session_text(steps, is_file=draft.is_file)
        files[f"{folder}/{EXPECTED}"] = (
            json.dumps(outcome(played), indent=1, ensure_ascii=False) + "\n"
        )
    files["README.md"] = _readme(draft, has_case=has_case, has_people=key is None)
    return files


def session_text(steps: Iterable[bytes], *, is_file: bool) -> str:
    """Steps as a case holds them: one line for each write (of a file: for each line), control characters by name."""
    pieces = [line for step in steps for line in _LINES.findall(step)] if is_file else list(steps)
    told = [lossless(piece) for piece in pieces]
    return "".join(
        f"<x23>{line[1:]}\n" if line.startswith("#") else f"{line}\n" for line in told if line
    )


def _sample(draft: Draft) -> str:
    if draft.is_file:
        transport = f'{{ type = "file_drop", folder = "{draft.driver_id}" }}'
    else:
        transport = (
            f'{{ type = "tcp_listen", host = "0.0.0.0", port = {_PORTS.get(draft.kind, 4010)} }}'
        )
    return (
        "# A line for this driver: copy it into the settings of the site and adapt it.\n"
        "[[line]]\n"
        f'id = "{draft.driver_id.replace("_", "-")}"\n'
        f'driver = "{draft.driver_id}"\n'
        'release = "hold_all"                    # until the first results are compared with the analyzer\'s own\n'
        'time_zone = "UTC"                       # where the analyzer\'s clock stands\n'
        f"transport = {transport}\n"
    )


def _readme(draft: Draft, *, has_case: bool, has_people: bool) -> str:
    read = [one for envelope in draft.played.envelopes for one in envelope.results]
    asked = [one for envelope in draft.played.envelopes for one in envelope.queries]
    counts = (
        f"{len(draft.played.envelopes)} messages, {len(read)} results, {len(asked)} host queries"
    )
    parts = [
        f"# {draft.driver_id} (draft)",
        f"Supported: {_roles(draft)}, as far as one recording shows. DRAFT: written by `labwire drivers new`.",
        f"Protocol `{draft.kind}`. Read from the recording: {counts}.",
        *_section("## What is still missing", [*draft.findings.missing, *_open_guesses(draft)]),
        *_section("## What was done to the recording", [*draft.notes, *draft.findings.notes]),
        _LIMITS,
        *_case_words(has_case=has_case, has_people=has_people),
        *_codes(draft),
    ]
    return "\n\n".join(parts) + "\n"


def _roles(draft: Draft) -> str:
    asks = any(key.startswith("query.") for key in draft.findings.guesses)
    if not asks:
        return "results"
    return "results and host queries" if draft.findings.codes else "host queries"


def _section(title: str, sentences: Sequence[str]) -> list[str]:
    return [title + "\n\n" + "\n".join(f"- {one}" for one in sentences)] if sentences else []


def _open_guesses(draft: Draft) -> list[str]:
    return [
        f"`{one.key}` is a guess: {one.why}."
        for one in draft.findings.guesses.values()
        if one.confidence is Confidence.GUESS and one.why
    ]


def _case_words(*, has_case: bool, has_people: bool) -> list[str]:
    if not has_case:
        return [_NO_CASE]
    if has_people:
        return ["THE CASE CONTAINS PATIENT DATA: keep it like a result, and do not give it away."]
    return ["People in the case are replaced; look at it before you give it away."]


def _codes(draft: Draft) -> list[str]:
    codes = list(draft.findings.codes.items())
    if not codes:
        return []
    rows = [f"| `{_cell(test)}` | {_cell(unit)} |" for test, unit in codes[:_MOST_CODES]]
    more = [f"\n{len(codes) - _MOST_CODES} more."] if len(codes) > _MOST_CODES else []
    return ["\n".join(["## Tests seen", "", "| code | units |", "| --- | --- |", *rows, *more])]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
