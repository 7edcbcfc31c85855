"""Whether each row of a table is a result, or each test has a column of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from middleware.draft.evidence import Confidence, Findings
from middleware.draft.shapes import is_number, is_unit
from middleware.draft.sheet import Sheet
from middleware.draft.table_names import NAMES, named

_WITH_UNIT = re.compile(r"(?P<test>.+?)(?: Value)? ?[\[(](?P<unit>[^\[\]]+)[\])]")
_NEVER_A_TEST = re.compile(
    r".*(bead|lot|serial|version|control|cutoff|cut-off|dilut|raw|count of|lower|upper|min |max |difference|range|"
    r"column|index|no\.|number|threshold|baseline|mean|sd\b|reading|well|patient|date|time|page|rate| id$).*",
    re.IGNORECASE,
)
_MOSTLY = 0.6
_FEW_OF, _NEARLY_ALL = 0.3, 0.8
_COUNTED = re.compile(r"10(?:\^(\d+))?/([A-Za-z]+)")
_POWER = re.compile(r"10\^\(-(\d)\)(.+)")
_FLAG_TABLE = {
    "+": "high",
    "-": "low",
    "H": "high",
    "L": "low",
    "HH": "critical_high",
    "LL": "critical_low",
}
_MOST_TESTS = 400
_NOTHING = frozenset((".", "-", "--", "---", "n/a", "na"))
_LONGEST_MARK = 5


def guess_layout(sheet: Sheet, found: Findings) -> None:
    """Test, value and unit."""
    tests = [name for name in named(sheet, "test") if _names_tests(sheet, name)]
    values = [name for name in named(sheet, "value") if sheet.filled(name)]
    with_units = [name for name in sheet.names if _unit_in(name)]
    numeric = len(_numeric(sheet))
    if len(with_units) < _FEW_OF * numeric or len(with_units) == 1 < numeric:
        with_units = []
    if tests and values and not (with_units and len(values) == 0):
        _long(sheet, tests[0], values, found)
    elif with_units:
        _wide_with_units(sheet, with_units, found)
        if tests:
            found.guess("result.test_detail", tests[0], "a second name of the test")
    elif _unlabelled(sheet):
        _wide_unlabelled(sheet, found)
    else:
        _by_numbers(sheet, tests, values, found)
    _list_codes(sheet, found)


def _names_tests(sheet: Sheet, name: str) -> bool:
    texts = sheet.filled(name)
    return bool(texts) and sum(map(is_number, texts)) < _MOSTLY * len(texts)


def _unit_in(name: str) -> str:
    found = _WITH_UNIT.fullmatch(name)
    return found["unit"] if found is not None and is_unit(found["unit"]) else ""


# -- a row for each result -------------------------------------------------------------------------


def _long(sheet: Sheet, test: str, values: Sequence[str], found: Findings) -> None:
    found.likely("result.test_code", test, "its heading")
    measured = [name for name in values if sheet.filled(name)]
    if len(measured) > 1 and not re.fullmatch(NAMES["value"][0], measured[0], re.IGNORECASE):
        found.guess("result.test_detail", "column.test", "several columns of values for each test")
        found.guess("result.value", "column.value", f"one of {', '.join(measured)}")
        found.guess("protocol.wide", {"columns": tuple(measured)}, "each of them is a result")
    else:
        texts = sheet.filled(measured[0])
        is_clear = all(map(is_number, texts)) and len(measured) == 1
        sure = Confidence.CERTAIN if is_clear else Confidence.LIKELY
        found.add("result.value", measured[0], sure, "its heading, and what stands in it")
    units = named(sheet, "unit")
    if units:
        texts = sheet.filled(units[0])
        is_clear = bool(texts) and all(map(is_unit, texts)) and len(units) == 1
        found.add(
            "result.unit",
            units[0],
            Confidence.CERTAIN if is_clear else Confidence.LIKELY,
            "its heading",
        )
    empty = [row for row in sheet.texts(test) if not row]
    if empty:
        rule = {"column": test, "pattern": "", "fate": "skip"}
        found.guess("protocol.rows", (rule,), f"{len(empty)} rows have no test")
    for key in ("reference_range",):
        names = named(sheet, key)
        if names:
            found.likely(f"result.{key}", names[0], "its heading")


# -- a column for each test ------------------------------------------------------------------------


def _wide_with_units(sheet: Sheet, names: Sequence[str], found: Findings) -> None:
    units = sorted({_unit_in(name) for name in names}, key=len, reverse=True)
    pattern = rf"(?P<test>.+?)(?: Value)? ?[\[(](?P<unit>{'|'.join(map(re.escape, units))})[\])]"
    found.likely("result.test_code", "column.test", "headings that hold a test and its unit")
    found.likely("result.value", "column.value", "the column of the test")
    found.likely("result.unit", "column.unit", "from the heading")
    wide: dict[str, object] = {"pattern": pattern.replace("\\ ", " ").replace("\\-", "-")}
    tests = [match["test"] for name in names if (match := _WITH_UNIT.fullmatch(name))]
    mark = _mark_beside(sheet, tests)
    if mark:
        wide["beside"] = {"mark": mark}
        words = {
            text
            for test in tests
            if mark.replace("{test}", test) in sheet.names
            for text in sheet.filled(mark.replace("{test}", test))
        }
        table = {word: meaning for word, meaning in _FLAG_TABLE.items() if word in words} or {
            "+": "high",
            "-": "low",
        }
        found.guess(
            "result.flags",
            {"path": "column.mark", "table": table},
            f"columns named {mark} beside the tests",
        )
    found.likely("protocol.wide", wide, f"{len(names)} headings")
    scales = {unit: _scale(unit) for unit in units}
    if any("factor" in one for one in scales.values()):
        found.likely("units", scales, "units that hold a power of ten: what does each mean?")
        found.likely("values.rules", ("unit_scale",), "the factors of [units]")


def _scale(unit: str) -> dict[str, str]:
    """What a number in a scaled unit means: `10^(-1)%` are tenths of a %, `10/uL` hundredths of 10^3/uL."""
    tenths = _POWER.fullmatch(unit)
    if tenths is not None:
        return {"unit": tenths[2], "factor": f"0.{'0' * (int(tenths[1]) - 1)}1"}
    counted = _COUNTED.fullmatch(unit)
    exponent = int(counted[1] or 1) if counted is not None else 0
    if counted is None or exponent % 3 == 0:
        return {"unit": unit}
    missing = 3 - exponent % 3
    return {"unit": f"10^{exponent + missing}/{counted[2]}", "factor": f"0.{'0' * (missing - 1)}1"}


def _mark_beside(sheet: Sheet, tests: Sequence[str]) -> str:
    """The heading of a column beside each test, `{test}/M`, when most tests have one."""
    marks = [
        "{test}" + name[len(test) :]
        for test in tests[:3]
        for name in sheet.names
        if name.startswith(test)
        and 0 < len(name) - len(test) <= _LONGEST_MARK
        and "(" not in name[len(test) :]
    ]
    for mark in marks:
        having = sum(mark.replace("{test}", one) in sheet.names for one in tests)
        if having > _MOSTLY * len(tests):
            return mark
    return ""


def _unlabelled(sheet: Sheet) -> list[int]:
    """Columns without a heading that hold units, right behind numbers."""
    return [
        number
        for number, name in enumerate(sheet.names)
        if not name and number and sheet.names[number - 1] and any(map(is_unit, sheet.at(number)))
    ]


def _wide_unlabelled(sheet: Sheet, found: Findings) -> None:
    first = _unlabelled(sheet)[0] - 1
    found.likely("result.test_code", "column.test", "headings, each followed by a column of units")
    found.likely("result.value", "column.value", "the column of the test")
    found.likely("result.unit", "column.unit", "the column behind it")
    wide = {"after": sheet.names[first - 1], "followed_by": {"unit": ""}}
    found.likely("protocol.wide", wide, f"{len(_unlabelled(sheet))} pairs of columns")


def _by_numbers(sheet: Sheet, tests: Sequence[str], values: Sequence[str], found: Findings) -> None:
    """No heading says what the value is: columns that hold numbers and are named like nothing else."""
    numeric = (list(values) or _numeric(sheet))[:_MOST_TESTS]
    if tests and len(numeric) == 1:
        _long(sheet, tests[0], numeric, found)
        found.doubt("result.value", "its heading says nothing")
        return
    found.guess(
        "result.test_code",
        tests[0] if tests else "column.test",
        "by its heading" if tests else "the headings",
    )
    found.guess("result.value", "column.value", "columns of numbers")
    empty = {text for name in numeric for text in sheet.filled(name) if text.casefold() in _NOTHING}
    if empty:
        found.guess("protocol.nothing", tuple(sorted(empty)), "stand where a number could")
    if not numeric:
        found.missing.append(
            "No column of numbers was found: name those of results in `protocol.wide`."
        )
    wide: dict[str, object] = {
        "columns": tuple(numeric) or tuple(name for name in sheet.names if name)[:1]
    }
    after = [sheet.names[sheet.names.index(name) + 1 :][:1] for name in numeric]
    follow = {re.sub(r"\[\d+\]$", "", one[0]) for one in after if one}
    if (
        len(follow) == 1
        and (unit := next(iter(follow)))
        and re.fullmatch(NAMES["unit"][0], unit, re.IGNORECASE)
    ):
        wide["followed_by"] = {"unit": unit}
        found.likely("result.unit", "column.unit", "the column behind each")
    found.guess("protocol.wide", wide, "columns of numbers: strike out what is no result")


def _numeric(sheet: Sheet) -> list[str]:
    """Columns that hold numbers and are named like nothing else."""
    known = {name for meaning in NAMES if meaning != "value" for name in named(sheet, meaning)}
    return [
        name
        for name in sheet.names
        if name
        and name not in known
        and not _NEVER_A_TEST.fullmatch(name)
        and _holds_numbers(sheet, name)
    ]


def _holds_numbers(sheet: Sheet, name: str) -> bool:
    texts = [text for text in sheet.filled(name) if text.casefold() not in _NOTHING]
    return bool(texts) and sum(map(is_number, texts)) > _NEARLY_ALL * len(texts)


def _list_codes(sheet: Sheet, found: Findings) -> None:
    code, unit = found.guesses["result.test_code"].value, found.guesses.get("result.unit")
    if isinstance(code, str) and code in sheet.names:
        units = (
            sheet.texts(str(unit.value))
            if unit is not None and unit.value in sheet.names
            else [""] * len(sheet.rows)
        )
        found.codes = {
            test: one or "none" for test, one in zip(sheet.texts(code), units, strict=True) if test
        }
