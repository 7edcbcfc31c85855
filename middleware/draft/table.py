"""Guesses for tables in files: which column is what, by its heading and by what stands in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from middleware.draft.evidence import Confidence, Findings
from middleware.draft.recognise import Kind, Traffic
from middleware.draft.shapes import is_control_name
from middleware.draft.sheet import Sheet, read_sheet
from middleware.draft.table_layout import guess_layout
from middleware.draft.table_names import named
from middleware.draft.table_times import guess_times

_PATIENT_WORDS = frozenset(
    ["S", "P", "PATIENT", "SAMPLE", "UNKNOWN", "ROUTINE", "SPECIMEN", "UNK", "UNKN"]
)
_LIKE_CONTROL = (
    "(.*[ _-])?(QC|CTRL|CONTROL|CAL|STD|BLANK|NEG|POS|LOW|NORMAL|HIGH|NTC)([ _-].*|[0-9]*)?"
)
_OF_SPECIMEN = re.compile(
    r".*(case|sample|specimen|patient).*(number|no\.?|name|id)", re.IGNORECASE
)
_FEW_ROWS = 3
_MOST_HEADINGS, _FEWEST_HEADINGS = 6, 4


def find_table(data: bytes) -> tuple[Traffic, Findings] | None:
    """The table in a file, and what its columns are; None when it is none."""
    sheet = read_sheet(data)
    if sheet is None or not named(sheet, "sample_id"):
        return None
    found = Findings()
    _guess_sample_id(sheet, found)
    _guess_specimen(sheet, found)
    guess_layout(sheet, found)
    _guess_flags(sheet, found)
    _guess_status(sheet, found)
    guess_times(sheet, found)
    _guess_others(sheet, found)
    _guess_cutting(sheet, found)
    return Traffic(Kind.TABLE, is_framed=False, texts=(data,), steps=(data,)), found


def _guess_sample_id(sheet: Sheet, found: Findings) -> None:
    names = named(sheet, "sample_id")
    telling = [name for name in names if _tells(sheet.filled(name), len(sheet.rows))] or names
    first = telling[0]
    also = f"; also possible: {', '.join(telling[1:4])}" if telling[1:] else ""
    is_usual = bool(
        re.fullmatch(r"(sample|specimen)[ _-]*(id|no\.?|barcode)( no\.?)?", first, re.IGNORECASE)
    )
    sure = Confidence.LIKELY if is_usual else Confidence.GUESS
    found.add("specimen.sample_id", first, sure, f"its heading{also}; compare it with a tube")
    ids = sheet.filled(first)
    rules = []
    for name in named(sheet, "role"):
        words = set(sheet.filled(name))
        if words and words & {word for word in words if word.upper() in _PATIENT_WORDS}:
            table = {
                word: "patient" for word in sorted(words) if word.upper() in _PATIENT_WORDS
            } | {"*": "qc"}
            rules.append({"path": name, "table": table})
    others = [name for name in sheet.names if name != first and _OF_SPECIMEN.fullmatch(name)]
    rules += [
        {"path": name, "pattern": _LIKE_CONTROL, "role": "qc"}
        for name in others
        if any(map(is_control_name, sheet.filled(name)))
    ]
    if any(map(is_control_name, ids)) or not rules:
        rules.append({"path": first, "pattern": _LIKE_CONTROL, "role": "qc"})
    found.guess(
        "specimen.role",
        tuple(rules),
        "how are controls, calibrators and blanks told? Export a file with them",
    )


def _tells(texts: Sequence[str], rows: int) -> bool:
    """Filled, and not the same word in every row."""
    return bool(texts) and (
        len(set(texts)) > 1 or rows < _FEW_ROWS or any(one.isdigit() for one in texts[0])
    )


def _guess_specimen(sheet: Sheet, found: Findings) -> None:
    taken = found.guesses["specimen.sample_id"].value
    for key in (
        "instrument_sample_id",
        "carrier",
        "position",
        "specimen_type",
        "patient_name",
        "birth_date",
        "sex",
    ):
        names = [
            name
            for name in named(sheet, key)
            if name != taken and (sheet.filled(name) or key[:4] == "pati")
        ]
        if names:
            found.likely(f"specimen.{key}", names[0], "its heading")
    ids = [name for name in named(sheet, "patient_id") if name != taken]
    if ids:
        found.likely("specimen.patient_ids", ({"path": ids[0]},), "its heading")


def _guess_flags(sheet: Sheet, found: Findings) -> None:
    if "result.flags" in found.guesses:
        return
    names = [name for name in named(sheet, "flags") if sheet.filled(name)]
    if not names:
        return
    words = sorted(set(sheet.filled(names[0])))
    table = {word: meaning for word in words if (meaning := _meaning(word))}
    rule = {"path": names[0], "table": table} if table else {"path": names[0]}
    found.guess(
        "result.flags",
        rule,
        f"its heading; {len(words) - len(table)} of {len(words)} flags have no known meaning",
    )


def _guess_status(sheet: Sheet, found: Findings) -> None:
    names = [name for name in named(sheet, "status") if sheet.filled(name)]
    if not names:
        return
    usual, count = Counter(sheet.filled(names[0])).most_common(1)[0]
    if count > len(sheet.rows) / 2:
        rule = {"path": names[0], "table": {usual: "final"}}
        found.guess(
            "result.status",
            rule,
            "the usual word is taken as final, any other is held: what do they mean?",
        )


def _meaning(word: str) -> str:
    plain = word.strip().upper()
    known = {
        "H": "high",
        "L": "low",
        "+": "high",
        "-": "low",
        "HH": "critical_high",
        "LL": "critical_low",
    }
    known |= {
        "N": "normal",
        "A": "abnormal",
        ">RR": "high",
        "<RR": "low",
        "HIGH": "high",
        "LOW": "low",
        ">": "high",
    }
    return known.get(plain, "")


def _guess_others(sheet: Sheet, found: Findings) -> None:
    for key, target in (
        ("operator", "result.operator"),
        ("module", "result.module"),
        ("analyzer", "header.analyzer"),
    ):
        names = [name for name in named(sheet, key) if sheet.filled(name)]
        if names:
            found.likely(target, names[0], "its heading")
    comments = named(sheet, "comments")
    if comments:
        found.likely("protocol.comments", tuple(comments[:4]), "their headings")
    alarms = [name for name in named(sheet, "alarms") if name not in comments]
    if alarms:
        rules = tuple({"column": name} for name in alarms[:4])
        found.guess("protocol.alarms", rules, "their headings; what of it means that all is well?")


def _guess_cutting(sheet: Sheet, found: Findings) -> None:
    if sheet.is_sylk:
        found.certain("protocol.sylk", True, "the file begins with ID; and holds cells")
    else:
        found.certain(
            "protocol.delimiter", sheet.delimiter, f"{len(sheet.rows)} rows of the same length"
        )
    if sheet.encoding:
        found.likely("protocol.encoding", sheet.encoding, "its letters beyond ASCII")
    plain = [
        name
        for name in sheet.names
        if name and sheet.names.count(name) == 1 and f"{name}[2]" not in sheet.names
    ]
    used = _used(found)
    heading = [name for name in plain if name in used]
    heading += [name for name in plain if name not in heading][
        : max(0, _FEWEST_HEADINGS - len(heading))
    ]
    found.likely(
        "protocol.heading",
        tuple(heading[:_MOST_HEADINGS]),
        "the row that holds these is the heading",
    )
    width = len(sheet.names)
    if sheet.lengths == {width + 1} and all(not row[-1].strip() for row in sheet.rows):
        found.certain("protocol.trailing_delimiter", True, "every row ends in one more delimiter")
    elif min(sheet.lengths) < width and not sheet.is_sylk:
        found.guess("protocol.short_rows", True, "some rows end early")


def _used(found: Findings) -> set[str]:
    return {
        str(one.value)
        for key, one in found.guesses.items()
        if key.split(".")[0] in ("specimen", "result") and isinstance(one.value, str)
    }
