"""Which column of a table, or which two, say when it was measured, and how the time is written."""

from __future__ import annotations

import re

from middleware.draft.evidence import Confidence, Findings
from middleware.draft.shapes import CLOCK_FORMATS, DATE_FORMATS, TIME_FORMATS, time_format
from middleware.draft.sheet import Sheet

_TIMES = re.compile(r".*(date|time|datum|zeit|heure|fecha|hora).*", re.IGNORECASE)
_NOT_MEASURED = re.compile(
    r".*(birth|order|expir|calib|receiv|print|request|lot|start|geburt).*", re.IGNORECASE
)
_BELIEVED = (
    "result",
    "measur",
    "analys",
    "analyz",
    "collect",
    "accept",
    "complet",
    "end",
    "run",
    "test",
    "date",
)
_WORDS = {"a.m.": "AM", "p.m.": "PM"}
_MONTHS = {
    name: f"{number:02}"
    for names in (
        "Janvier Février Mars Avril Mai Juin Juillet Août Septembre Octobre Novembre Décembre",
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    )
    for number, name in enumerate(names.split(), start=1)
}


def guess_times(sheet: Sheet, found: Findings) -> None:
    """The time of measurement, if a column or two hold one."""
    names = [
        name for name in sheet.names if _TIMES.fullmatch(name) and not _NOT_MEASURED.fullmatch(name)
    ]
    names = [name for name in names if sheet.filled(name)]
    names.sort(key=_belief)
    for name in names:
        if _whole_time(sheet, name, found):
            return
    _joined_time(sheet, names, found)


def _belief(name: str) -> int:
    plain = name.casefold()
    return next((number for number, word in enumerate(_BELIEVED) if word in plain), len(_BELIEVED))


def _whole_time(sheet: Sheet, name: str, found: Findings) -> bool:
    texts, words = _replaced(sheet.filled(name))
    layout, is_clear = time_format(texts, TIME_FORMATS)
    if not layout:
        return False
    _say(found, name, layout, is_clear=is_clear, words=words)
    return True


def _joined_time(sheet: Sheet, names: list[str], found: Findings) -> None:
    for day in names:
        days, words = _replaced(sheet.filled(day))
        layout, is_clear = time_format(days, DATE_FORMATS)
        if not layout:
            continue
        for clock in names:
            clocks, more = _replaced(sheet.filled(clock))
            clock_layout, _ = time_format(clocks, CLOCK_FORMATS)
            if clock_layout and clock != day:
                found.likely(
                    "protocol.joined", {"measured": (day, clock)}, "a day and a time beside it"
                )
                _say(
                    found,
                    "joined.measured",
                    f"{layout} {clock_layout}",
                    is_clear=is_clear,
                    words=words | more,
                )
                return


def _replaced(texts: list[str]) -> tuple[list[str], dict[str, str]]:
    """Times with names of months and halves of the day as numbers, and the words that were replaced."""
    words = {
        word: other
        for word, other in (_WORDS | _MONTHS).items()
        if any(
            re.search(rf"(?<![A-Za-zéû]){re.escape(word)}(?![A-Za-zéû])", text) for text in texts
        )
    }
    for word, other in words.items():
        texts = [text.replace(word, other) for text in texts]
    return texts, words


def _say(found: Findings, path: str, layout: str, *, is_clear: bool, words: dict[str, str]) -> None:
    sure = Confidence.LIKELY if is_clear else Confidence.GUESS
    why = "its heading and its shape" + (
        "" if is_clear else "; day and month could be the other way round"
    )
    found.add("result.measured_at", {"path": path, "format": layout}, sure, why)
    if words:
        found.likely("protocol.time_words", words, "words in the times of the recording")
