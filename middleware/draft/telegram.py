"""Guesses for telegrams that follow no standard: tagged or delimited fields, or fixed columns with repeated groups.

Nothing here is certain but a checksum that is right in every telegram: no standard says what stands where.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from middleware.draft.evidence import Findings, Literal
from middleware.draft.recognise import Kind, Traffic
from middleware.draft.shapes import (
    CLOCK_FORMATS,
    DATE_FORMATS,
    has_letters,
    id_score,
    is_number,
    is_outcome,
    is_unit,
    time_format,
)
from middleware.draft.telegram_frame import Framed, find_frames, say_frame
from middleware.wire.capture import lossless

_DELIMITERS = ("\x1e", "\x1c", "\x1f", "|", ";", ",", "\t", "~")
_FEWEST_FIELDS, _FEWEST_GROUPS = 6, 3
_PAIR = re.compile(
    r"(?<!\S)(?P<test>[A-Za-z0-9][\w+#%.-]{0,7}) +(?P<value>[-+<>]?\d{1,8}(?:\.\d{0,6})?)(?P<mark>[^\s\d.]{0,3}) *"
)
_VALUE_WITH_UNIT = re.compile(r" *[<>]?[0-9.]+ +[^0-9 ]\S* *")
_MOSTLY = 0.7
_LONGEST_TELEGRAM = 32 * 1024
_MOST_TOKENS, _WIDEST_GROUP = 400, 80
_FLAGS = {"H": "high", "L": "low", "HH": "critical_high", "LL": "critical_low"}


def find_telegrams(data: bytes) -> tuple[Traffic, Findings] | None:
    """The telegrams of a recording, and what is in them; None when nothing repeats."""
    framed = find_frames(data)
    if framed is None:
        return None
    for guess in (_guess_tagged, _guess_delimited, _guess_fixed):
        findings = Findings()
        if guess(framed, findings):
            say_frame(framed, findings)
            findings.missing.append(
                "No rule tells a control from a patient's specimen yet: record one, and add `role`."
            )
            traffic = Traffic(
                Kind.TELEGRAM,
                True,
                tuple(text.encode("latin-1") for text in framed.texts),
                tuple(framed.steps),
            )
            return traffic, findings
    return None


# -- tagged fields ---------------------------------------------------------------------------------


def _guess_tagged(framed: Framed, found: Findings) -> bool:
    for delimiter in _DELIMITERS:
        fields = [field for text in framed.texts for field in text.split(delimiter) if field]
        named = [field for field in fields if re.match(r"[a-z]{2}(?![a-z]{2})", field)]
        if len(named) < _FEWEST_FIELDS or len(named) < _MOSTLY * len(fields):
            continue
        ends = Counter(field[-1] for field in named)
        end, count = ends.most_common(1)[0]
        field_end = end if count > _MOSTLY * len(named) and not end.isalnum() else ""
        said: dict[str, list[str]] = {}
        for field in named:
            said.setdefault(field[:2], []).append(field[2:].removesuffix(field_end))
        found.likely("protocol.tags", 2, f"{len(said)} fields begin with two letters")
        found.likely("protocol.delimiter", lossless(delimiter.encode()), "stands between them")
        if field_end:
            found.likely("protocol.field_end", field_end, "ends each of them")
        _places_by_shape({tag: texts for tag, texts in said.items() if any(texts)}, found)
        return True
    return False


def _places_by_shape(said: dict[str, list[str]], found: Findings) -> None:
    """Give each meaning to the place whose texts look most like it; each place once."""
    left = dict(said)
    for place in _time_places(left, found):
        left.pop(place, None)
    value = _guess_value(left, found)
    units = [place for place, texts in left.items() if _all(is_unit, texts)]
    if units:
        found.guess("result.unit", units[0], "looks like a unit")
        left.pop(units[0])
    mixed = {place: 0.5 * any(map(_is_mixed, texts)) for place, texts in left.items()}
    sample = max(left, key=lambda place: id_score(left[place]) + mixed[place], default="")
    found.guess(
        "specimen.sample_id", sample, "looks most like an identifier; compare it with a tube"
    )
    left.pop(sample, None)
    named = [place for place, texts in left.items() if _all(has_letters, texts)]
    short = min(
        named, key=lambda place: max(map(len, left[place])), default=next(iter(left), value)
    )
    found.guess("result.test_code", short, "a short word")
    _list_codes(said.get(short, []), found)


def _guess_value(left: dict[str, list[str]], found: Findings) -> str:
    """The value's place, or two of them: one in words, one as a number. They are taken out of `left`."""
    numbers = [place for place, texts in left.items() if _all(is_number, texts)]
    value = numbers[-1] if numbers else next(iter(left), "")
    left.pop(value, None)
    words = [place for place, texts in left.items() if _all(is_outcome, texts)]
    if not numbers or not words:
        found.guess("result.value", value, "a number")
        return value
    left.pop(words[0])
    for place in (words[0], value):
        found.guess(
            f"protocol.each.{place}",
            {"value": place},
            "a result of its own: in words, or as a number",
        )
    found.guess("result.value", "column.value", "of each of them")
    found.guess("result.test_detail", "column.kind", "which of them")
    return value


def _all(fits: Callable[[str], bool], texts: Sequence[str]) -> bool:
    """Filled somewhere, and everything that is there fits."""
    filled = [text for text in texts if text]
    return bool(filled) and all(map(fits, filled))


def _is_mixed(text: str) -> bool:
    return has_letters(text) and any(letter.isdigit() for letter in text)


def _time_places(said: dict[str, list[str]], found: Findings) -> tuple[str, str]:
    days = {
        place: one
        for place, texts in said.items()
        if (one := time_format(filter(None, texts), DATE_FORMATS))[0]
    }
    clocks = {
        place: one
        for place, texts in said.items()
        if (one := time_format(filter(None, texts), CLOCK_FORMATS))[0]
    }
    clocks = {place: one for place, one in clocks.items() if ":" in one[0]}
    if not days or not clocks:
        return "", ""
    day, clock = next(iter(days)), next(iter(clocks))
    found.likely("protocol.joined.measured", (day, clock), "a day and a time")
    layout = f"{days[day][0]} {clocks[clock][0]}"
    why = "their shape" + ("" if days[day][1] else "; day and month could be the other way round")
    found.guess("result.measured_at", {"path": "joined.measured", "format": layout}, why)
    return day, clock


# -- delimited fields with groups ------------------------------------------------------------------


@dataclass(frozen=True)
class _Groups:
    """Groups of fields that repeat: first field from 0, width, and how many there are."""

    start: int
    width: int
    count: int


def _guess_delimited(framed: Framed, found: Findings) -> bool:
    longest = max(framed.texts, key=len)[:_LONGEST_TELEGRAM]
    for delimiter in _DELIMITERS:
        fields = longest.split(delimiter)
        groups = _groups_in(fields) if len(fields) >= 2 * _FEWEST_FIELDS else None
        if groups is not None:
            break
    else:
        return False
    found.likely("protocol.delimiter", lossless(delimiter.encode()), f"{len(fields)} fields")
    head = {f"field{number}": [fields[number - 1].strip()] for number in range(1, groups.start + 1)}
    found.likely("protocol.names", tuple(head), "the fields before the results")
    table = [
        fields[groups.start + one * groups.width :][: groups.width] for one in range(groups.count)
    ]
    columns = [[row[number] for row in table] for number in range(groups.width)]
    _say_columns(columns, found)
    shape: dict[str, Literal] = {
        "start": groups.start + 1,
        "width": groups.width,
        "count": groups.count,
    }
    del shape["count"]
    for name, value in shape.items():
        found.likely(
            f"protocol.groups.{name}", value, f"{groups.count} groups in the longest telegram"
        )
    filled = {name: texts for name, texts in head.items() if texts[0]}
    for place in _time_places(filled, found):
        filled.pop(place, None)
    sample = max(filled, key=lambda name: id_score(filled[name]), default="field1")
    found.guess(
        "specimen.sample_id", sample, "looks most like an identifier; compare it with a tube"
    )
    return True


def _groups_in(fields: Sequence[str]) -> _Groups | None:
    """The widest run of groups in which one field is always a word and another always a number."""
    best: tuple[int, _Groups] | None = None
    for width in range(2, 16):
        for start in range(min(len(fields) - 2 * width, 40)):
            groups = _run_of(fields, start, width)
            weight = groups.count * _alike(fields, groups) if groups is not None else 0
            if groups is not None and (best is None or weight > best[0]):
                best = (weight, groups)
    return best[1] if best is not None else None


def _alike(fields: Sequence[str], groups: _Groups) -> int:
    """How many fields of a group hold the same kind of text in every group."""
    starts = [groups.start + one * groups.width for one in range(groups.count)]
    return sum(
        len({_kind(fields[at + number]) for at in starts}) == 1 for number in range(groups.width)
    )


def _kind(text: str) -> str:
    if is_number(text):
        return "number"
    if _VALUE_WITH_UNIT.fullmatch(text):
        return "number and unit"
    return "flag" if text.strip(" }\r") in ("", "H", "L", "N", "HH", "LL") else "word"


def _run_of(fields: Sequence[str], start: int, width: int) -> _Groups | None:
    count = 0
    for at in range(start, len(fields) - width + 1, width):
        test, rest = fields[at].strip(), fields[at + 1 : at + width]
        if not re.fullmatch(r"[A-Za-z][\w+#%/.* -]*", test) or not any(map(_holds_number, rest)):
            break
        count += 1
    tests = {fields[start + one * width].strip() for one in range(count)}
    return _Groups(start, width, count) if count >= _FEWEST_GROUPS and len(tests) == count else None


def _holds_number(text: str) -> bool:
    return is_number(text.strip()) or bool(_VALUE_WITH_UNIT.fullmatch(text))


def _say_columns(columns: Sequence[Sequence[str]], found: Findings) -> None:
    found.guess("result.test_code", "column.test", "the first field of each group")
    value = max(range(1, len(columns)), key=lambda number: sum(map(_holds_number, columns[number])))
    places: dict[str, Literal] = {"test": (1, 1), "value": (value + 1, value + 1)}
    if any(_VALUE_WITH_UNIT.fullmatch(text) for text in columns[value]):
        places["reading"] = places.pop("value")
        found.guess(
            "protocol.parts",
            {"column.reading": " *(?P<value>[<>]?[0-9.]+) *(?P<unit>.*?) *"},
            "value and unit in one field",
        )
        found.guess("result.value", "part.value", "the number in its field")
        found.guess("result.unit", "part.unit", "what stands behind it")
    else:
        found.guess("result.value", "column.value", "the first number of each group")
    sign = [number for number, texts in enumerate(columns) if number and _are_signs(texts)]
    if sign:
        places["sign"] = (sign[0] + 1, sign[0] + 1)
        number = str(found.guesses["result.value"].value)
        found.guess(
            "protocol.joined.value",
            ("column.sign", number),
            "the sign stands in a field of its own",
        )
        found.guess("protocol.nothing", ("=",), "beside a number: neither less nor more")
        found.guess("result.value", "joined.value", "sign and number together")
    flag = [number for number, texts in enumerate(columns) if number and _are_flags(texts)]
    if flag:
        places["flag"] = (flag[0] + 1, flag[0] + 1)
        found.guess(
            "result.flags",
            {"path": "column.flag", "table": dict(_FLAGS)},
            "letters such as H and L",
        )
    for name, place in places.items():
        found.guess(f"protocol.groups.columns.{name}", place, "its place in the group")
    _list_codes(columns[0], found)


def _are_signs(texts: Sequence[str]) -> bool:
    words = {text.strip() for text in texts}
    return bool(words & {"=", "<", ">"}) and words <= {"=", "<", ">", "*", "~", ""}


def _are_flags(texts: Sequence[str]) -> bool:
    words = {text.strip(" }\r") for text in texts}
    return bool(words & {"H", "L"}) and words <= {"H", "L", "HH", "LL", "N", ""}


# -- fixed columns with groups ---------------------------------------------------------------------


def _guess_fixed(framed: Framed, found: Findings) -> bool:
    text = max(framed.texts, key=len)[:_LONGEST_TELEGRAM]
    starts = [token.start() for token in re.finditer(r"(?<!\S)\S", text)][:_MOST_TOKENS]
    run = _even_run([pair for at in starts if (pair := _PAIR.match(text, at))])
    tests = {one["test"] for one in run}
    if len(run) < _FEWEST_GROUPS or len(tests) < len(run):
        return False
    start, width = run[0].start(), run[1].start() - run[0].start()
    places: dict[str, tuple[int, int]] = {
        "test": (1, max(one.end("test") - one.start() for one in run)),
        "value": (
            max(one.end("test") - one.start() for one in run) + 1,
            max(one.end("value") - one.start() for one in run),
        ),
    }
    if places["value"][1] > width:
        return False
    if any(one["mark"] for one in run) and places["value"][1] < width:
        places["flag"] = (places["value"][1] + 1, width)
        found.guess(
            "result.flags",
            {"path": "column.flag", "table": {"H": "high", "L": "low"}},
            "letters behind the number",
        )
    found.guess("result.test_code", "column.test", "the first thing in each group")
    found.guess("result.value", "column.value", "the number in each group")
    found.likely("protocol.groups.start", start + 1, f"{len(run)} groups of the same width")
    found.likely("protocol.groups.width", width, f"{len(run)} groups of the same width")
    for name, place in places.items():
        found.guess(
            f"protocol.groups.columns.{name}", place, "first and last character in the group"
        )
    _say_positions(text[:start], found)
    _list_codes([one["test"] for one in run], found)
    return True


def _even_run(pairs: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """The longest run of pairs that begin at the same distance from each other; decimals speak for values."""
    by_start = {pair.start(): pair for pair in pairs}
    best: list[re.Match[str]] = []
    best_weight = 0
    for first in pairs:
        for second in pairs:
            width = second.start() - first.start()
            if width <= 0 or width > _WIDEST_GROUP or first.start() - width in by_start:
                continue
            run = [first]
            while (following := by_start.get(run[-1].start() + width)) is not None:
                run.append(following)
            weight = len(run) + sum("." in one["value"] and "." not in one["test"] for one in run)
            if weight > best_weight:
                best, best_weight = run, weight
    return best


def _say_positions(head: str, found: Findings) -> None:
    tokens = list(re.finditer(r"\S+", head))
    places: dict[str, tuple[int, int]] = {}
    end = 0
    scores = {}
    for number, token in enumerate(tokens, start=1):
        name = f"field{number}"
        places[name] = (end + 1, token.end())
        scores[name] = id_score([token[0]]) + (1.0 if token.start() - end > 2 else 0.0)  # noqa: PLR2004
        end = token.end()
    sample = max(scores, key=lambda name: scores[name], default="")
    if not sample:
        places, sample = {"field1": (1, max(1, len(head)))}, "field1"
    found.guess(
        "specimen.sample_id", sample, "looks most like an identifier; compare it with a tube"
    )
    for name, place in places.items():
        found.guess(f"protocol.positions.{name}", place, "first and last character")


def _list_codes(tests: Sequence[str], found: Findings) -> None:
    found.codes = {test.strip(): "" for test in tests if test.strip()}
