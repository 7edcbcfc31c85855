"""The recording of a draft without people, so that it can be a case: same lengths, same test codes and values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from middleware.anonymise.capture import anonymise
from middleware.anonymise.masks import Masks
from middleware.anonymise.texts import replace_fields, replace_known
from middleware.draft.evidence import Findings
from middleware.draft.recognise import Kind
from middleware.draft.shapes import is_control_name
from middleware.draft.sheet import read_sheet
from middleware.errors import WireError
from middleware.wire.capture import Moment, Way, format_moment, heading, read_capture

_COLUMNS_OF_PEOPLE = (
    "specimen.sample_id",
    "specimen.instrument_sample_id",
    "specimen.patient_name",
    "specimen.patient_ids",
    "specimen.birth_date",
    "result.operator",
    "protocol.comments",
)
_MORE_PEOPLE = re.compile(
    r".*(name|patient|sample|specimen|operator|director|doctor|ward|physician|comment).*",
    re.IGNORECASE,
)
_NEVER_PEOPLE = re.compile(r".*(test|target|assay|panel|type|task|bead).*", re.IGNORECASE)


def without_people(
    steps: Sequence[bytes], kind: Kind, findings: Findings, key: bytes
) -> tuple[bytes, ...] | None:
    """The steps with names, identifiers and dates replaced; None where nobody knows which fields hold them."""
    is_framed = any(byte in step for step in steps for byte in (b"\x02", b"\x0b"))
    try:
        if kind in (Kind.LIS2, Kind.HL7, Kind.LAW):
            return _framed(steps, key) if is_framed else _plain(steps, key)
        if kind is Kind.TABLE:
            return _table(steps, findings, key)
    except WireError:
        return None
    return None


def _framed(steps: Sequence[bytes], key: bytes) -> tuple[bytes, ...]:
    moments = [Moment(number / 100, Way.FROM_ANALYZER, step) for number, step in enumerate(steps)]
    text = heading({}) + "".join(map(format_moment, moments))
    done = anonymise(text.splitlines(keepends=True), key)
    return tuple(one.data for one in read_capture(done.text.splitlines(keepends=True)))


def _plain(steps: Sequence[bytes], key: bytes) -> tuple[bytes, ...]:
    masks = Masks(key)
    texts = [replace_fields(step.decode("latin-1"), masks) for step in steps]
    return tuple(replace_known(text, masks).encode("latin-1") for text in texts)


def _table(steps: Sequence[bytes], findings: Findings, key: bytes) -> tuple[bytes, ...] | None:
    data = b"".join(steps)
    sheet = read_sheet(data)
    if sheet is None or b"\0" in data:
        return None
    masks, people = Masks(key), _people_of(findings)
    names = [
        name
        for name in sheet.names
        if name in people
        or (name and _MORE_PEOPLE.fullmatch(name) and not _NEVER_PEOPLE.fullmatch(name))
    ]
    cells = {text for name in names for text in sheet.filled(name) if not is_control_name(text)}
    text = data.decode("latin-1")
    for cell in sorted(cells, key=len, reverse=True):
        plain = cell.encode(sheet.encoding or "latin-1", "replace").decode("latin-1")
        pattern = rf"(?<![^\t;,|\"\r\n]){re.escape(plain)}(?= *[\t;,|\"\r\n]|$)"
        text = re.sub(pattern, lambda found: masks.identifier(found[0]), text)
    return (text.encode("latin-1"),)


def _people_of(findings: Findings) -> set[str]:
    people: set[str] = set()
    for key in _COLUMNS_OF_PEOPLE:
        guess = findings.guesses.get(key)
        value = guess.value if guess is not None else ()
        for one in value if isinstance(value, tuple) else (value,):
            people.add(str(one["path"]) if isinstance(one, dict) else str(one))
    return people
