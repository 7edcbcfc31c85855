"""Guesses for result records of LIS2: test, value, unit, flags, status and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from middleware.draft.columns_of import Column, column
from middleware.draft.evidence import Confidence, Findings
from middleware.draft.shapes import (
    FLAG_WORDS,
    has_letters,
    is_full_time,
    is_number,
    is_outcome,
    is_time,
    is_unit,
)
from middleware.wire.lis2 import Message, Record

_STATUS = frozenset("CFIMPQRSVWX")  # LIS02-A2 9.9, those that say something of a value
_MOSTLY = 0.6
_NEARLY_ALL = 0.95
_LONGEST_FLAG = 12


def guess_results(messages: Sequence[Message], found: Findings) -> None:
    """Where the parts of a result are."""
    results = [record for message in messages for record in message.results]
    if not results:
        _standard_places(found)
        return
    _guess_test(results, found)
    _guess_value(results, found)
    _guess_unit(results, found)
    _guess_codes(results, found)
    _guess_time(results, found)
    _guess_others(results, found)
    _list_codes(results, found)


def _standard_places(found: Findings) -> None:
    why = "no result in the recording; the standard's place (LIS02-A2 9)"
    for key, path in (
        ("test_code", "R-3.4"),
        ("value", "R-4"),
        ("unit", "R-5"),
        ("flags", "R-7"),
        ("status", "R-9"),
    ):
        found.guess(f"result.{key}", path, why)
    found.guess("result.measured_at", "R-13", why)


# -- test ------------------------------------------------------------------------------------------


def _guess_test(results: Sequence[Record], found: Findings) -> None:
    parts = [column(results, f"R-3.{number}") for number in (4, 5, 2, 1, 3, 6)]
    telling = [
        one for one in parts if one.share >= _NEARLY_ALL and not _is_running_number(one, results)
    ]
    whole = [one for one in parts if one.share >= _NEARLY_ALL]
    if len(telling) > 1 and all(len(text) == 1 for text in telling[0].filled):
        telling = telling[1:]  # one letter tells the kind of a result; the test stands beside it
    if telling and telling[0].path == "R-3.4":
        code = telling[0]
        is_clear = _tells_apart(code, results)
        why = "the standard's place (LIS02-A2 9.3)" + (
            "" if is_clear else "; the same in every result: look at the rest"
        )
        found.add(
            "result.test_code",
            code.path,
            Confidence.CERTAIN if is_clear else Confidence.LIKELY,
            why,
        )
    elif telling:
        code = max(
            telling,
            key=lambda one: (_tells_apart(one, results), one.part_that(has_letters) > _MOSTLY),
        )
        also = "; others are too" if len(telling) > 1 else ""
        found.likely("result.test_code", code.path, f"{code.said} results{also}")
    elif whole:
        code = whole[0]
        found.guess("result.test_code", code.path, "looks like a running number")
    else:
        found.guess("result.test_code", "R-3.4", "hardly filled: is the test in O-5?")
        return
    _guess_name(code, results, found)


def _is_running_number(place: Column, results: Sequence[Record]) -> bool:
    numbers = [record.get("R-2").strip().lstrip("0") for record in results]
    texts = [text.strip().lstrip("0") for text in place.texts]
    return len(results) > 1 and texts == numbers


def _tells_apart(place: Column, results: Sequence[Record]) -> bool:
    """More than one code, or one alone because each order has one result."""
    return (
        place.distinct > 1 or len(results) == 1 or all(_is_only_child(record) for record in results)
    )


def _is_only_child(record: Record) -> bool:
    return record.parent is not None and len(record.parent.results) == 1


def _guess_name(code: Column, results: Sequence[Record], found: Findings) -> None:
    number = int(code.path[-1])
    name = column(results, f"R-3.{number + 1}")
    if (
        name.share >= _NEARLY_ALL
        and name.part_that(has_letters) == 1.0
        and name.filled != code.filled
    ):
        pairs = set(zip(code.texts, name.texts, strict=True))
        if len(pairs) == code.distinct:  # one name for each code: it tells no kinds apart
            found.guess("result.test_name", name.path, "a text that goes with the code")


# -- value and unit --------------------------------------------------------------------------------


def _guess_value(results: Sequence[Record], found: Findings) -> None:
    whole = column(results, "R-4")
    if not whole.filled:
        found.guess("result.value", "R-4", "never filled; the standard's place (LIS02-A2 9.4)")
        return
    parts = [column(results, f"R-4.{number}") for number in range(1, 9)]
    filled = [one for one in parts if one.filled]
    is_split = any("^" in record.field(4).rstrip("^") or _is_split(record) for record in results)
    if not is_split and whole.part_that(_is_plain_value) < 1.0:
        found.likely(
            "result.value", "R-4", "the standard's place (LIS02-A2 9.4); what do its words mean?"
        )
    elif not is_split:
        found.certain("result.value", "R-4", "the standard's place (LIS02-A2 9.4), one part")
    elif len(filled) == 1:
        found.likely("result.value", filled[0].path, "only this component is ever filled")
    elif len(filled) == 2 and _says_the_same(parts[0], parts[1]):  # noqa: PLR2004
        found.likely(
            "result.value",
            "R-4.1",
            "two components always filled; the second says it in other words",
        )
    else:
        found.guess(
            "result.value",
            "R-4",
            "values stand in several components; those are held until a rule says which",
        )


def _is_plain_value(text: str) -> bool:
    return is_number(text) or is_outcome(text)


def _is_split(record: Record) -> bool:
    delimiter = record.delimiters.component
    return delimiter in record.field(4).rstrip(delimiter)


def _says_the_same(first: Column, second: Column) -> bool:
    """Where one of the two is filled the other mostly is too, and the first holds more numbers."""
    both = sum(
        bool(a.strip() and b.strip()) for a, b in zip(first.texts, second.texts, strict=True)
    )
    only_second = sum(
        bool(b.strip() and not a.strip()) for a, b in zip(first.texts, second.texts, strict=True)
    )
    return (
        both > 0 and not only_second and first.part_that(is_number) >= second.part_that(is_number)
    )


def _guess_unit(results: Sequence[Record], found: Findings) -> None:
    unit = column(results, "R-5")
    if not unit.filled:
        found.guess("result.unit", "R-5", "never filled; the standard's place (LIS02-A2 9.5)")
    elif (share := unit.part_that(is_unit)) >= _MOSTLY:
        sure = Confidence.CERTAIN if share == 1.0 else Confidence.LIKELY
        found.add(
            "result.unit", "R-5", sure, "the standard's place (LIS02-A2 9.5), filled with units"
        )
    elif unit.distinct == 1 and len(unit.filled[0]) <= 2:  # noqa: PLR2004
        found.notes.append("R-5 is filled with a letter that is no unit we know; no unit is read.")
    else:
        found.guess(
            "result.unit",
            "R-5",
            "the standard's place (LIS02-A2 9.5), but not all of it looks like units",
        )


# -- flags, status, time ---------------------------------------------------------------------------


def _guess_codes(results: Sequence[Record], found: Findings) -> None:
    flags = column(results, "R-7")
    known = flags.part_that(lambda text: text.upper() in FLAG_WORDS)
    if not flags.filled:
        found.guess(
            "result.flags",
            "R-7",
            "never filled; the standard's place (LIS02-A2 9.7): record an abnormal result",
        )
    elif known == 1.0:
        found.certain("result.flags", "R-7", "the standard's place (LIS02-A2 9.7), and its codes")
    else:
        found.guess(
            "result.flags",
            "R-7",
            "the standard's place (LIS02-A2 9.7), with codes of its own: what do they mean?",
        )
    status = column(results, "R-9")
    known = status.part_that(lambda text: text in _STATUS)
    if not status.filled:
        found.guess(
            "result.status", "R-9", "never filled, so every result counts as final (LIS02-A2 9.9)"
        )
    elif known == 1.0 and status.share >= _NEARLY_ALL:
        found.certain("result.status", "R-9", "the standard's place (LIS02-A2 9.9), and its codes")
    else:
        found.likely("result.status", "R-9", "the standard's place (LIS02-A2 9.9)")
    ranges = column(results, "R-6")
    sure = Confidence.LIKELY if ranges.filled else Confidence.GUESS
    found.add("result.reference_range", "R-6", sure, "the standard's place (LIS02-A2 9.6)")


def _guess_time(results: Sequence[Record], found: Findings) -> None:
    places = [column(results, f"R-{number}") for number in (13, 12, 10, 11, 14, 15)]
    full = [one for one in places if one.filled and one.part_that(is_full_time) == 1.0]
    if full:
        first = full[0]
        is_clear = first.path == "R-13" and first.share == 1.0 and len(full) == 1
        paths = tuple(one.path for one in full if one.path in ("R-13", "R-12") or one is first)
        why = f"{first.said} results, with times" + (
            "" if len(full) == 1 else "; R-12 is when it began (LIS02-A2 9.12)"
        )
        reported = column(results, "O-23")
        if first.share < 1.0 and reported.filled and reported.part_that(is_full_time) == 1.0:
            paths = (*paths, "O-23")
        value = first.path if first.share == 1.0 or len(paths) == 1 else paths
        found.add(
            "result.measured_at", value, Confidence.CERTAIN if is_clear else Confidence.LIKELY, why
        )
        return
    of_order = [column(results, path) for path in ("O-23", "O-15", "O-22")]
    times = [one for one in of_order if one.filled and one.part_that(is_full_time) == 1.0]
    if times:
        found.guess(
            "result.measured_at",
            times[0].path,
            "only the order carries a time; is it that of the measurement?",
        )
        return
    days = [one for one in places if one.filled and one.part_that(is_time) == 1.0]
    path = days[0].path if days else "R-13"
    found.guess(
        "result.measured_at",
        path,
        "only a day" if days else "no time in the recording; the standard's place",
    )


def _guess_others(results: Sequence[Record], found: Findings) -> None:
    operator = column(results, "R-11")
    if operator.filled and not operator.part_that(is_time):
        path = "R-11.1" if any(_has_parts(record, 11) for record in results) else "R-11"
        found.likely("result.operator", path, "the standard's place (LIS02-A2 9.11)")
    module = column(results, "R-14")
    if module.filled and not any(_has_parts(record, 14) for record in results):
        found.likely("result.module", "R-14", "the standard's place (LIS02-A2 9.14)")


def _has_parts(record: Record, number: int) -> bool:
    return record.delimiters.component in record.field(number)


def _list_codes(results: Sequence[Record], found: Findings) -> None:
    code = found.guesses["result.test_code"].value
    unit = found.guesses.get("result.unit")
    if not isinstance(code, str):
        return
    units: dict[str, Counter[str]] = {}
    for record in results:
        said = record.get(str(unit.value)).strip() if unit is not None else ""
        units.setdefault(record.get(code).strip(), Counter())[said] += 1
    found.codes = {
        test: ", ".join(one or "none" for one in seen) for test, seen in units.items() if test
    }
