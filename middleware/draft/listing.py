"""Guesses for listings that analyzers print: lines with a test, a value, perhaps a mark and a unit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from middleware.draft.evidence import Findings
from middleware.draft.recognise import Kind, Traffic
from middleware.draft.shapes import id_score, is_unit
from middleware.wire.capture import lossless

_RESULT = re.compile(
    r" *(?P<test>[A-Za-z][\w+()./%#-]*) {2,}(?P<value>[<>]?\d+(?:\.\d*)?)(?P<flag>[\^v*HL!+-]{0,2})"
    r"(?: +(?P<unit>\S+))?\s*"
)
_LISTED = (
    r" *(?P<test>[A-Za-z][\w+()./%#-]*) {2,}(?P<value>[<>]?[0-9]+(?:[.][0-9]*)?)(?P<flag>[\^v*HL!+-]{0,2})"
    r"(?: +(?P<unit>[^ ]+))? *"
)
_LABELLED = re.compile(
    r" *(?P<label>[A-Za-z][A-Za-z .]*?(?:ID|No\.?|Number|Barcode)) *:? +(?P<id>[A-Za-z0-9-]{3,24})(?: .*)?\s*"
)
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
_DAY = r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}|[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}"
_MOMENT = re.compile(
    rf" *(?P<before>(?:[^ ]+ +){{0,6}}?)(?P<clock>{_CLOCK}) +(?P<day>{_DAY})(?: .*)?\s*"
)
_RULER = re.compile(r"([-=_*])\1{7,}\s*")
_FEWEST_RESULTS, _LONGEST_LINE = 4, 400
_FLAGS = {"^": "high", "v": "low", "H": "high", "L": "low"}
_MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_MONTH_NAMES.split(), start=1)}


def find_listing(data: bytes) -> tuple[Traffic, Findings] | None:
    """The reports in a printed listing; None when too few lines look like results."""
    lines = [line.rstrip("\r") for line in data.decode("latin-1").split("\n")]
    if max(map(len, lines)) > _LONGEST_LINE:
        return None
    results = [one for line in lines if (one := _RESULT.fullmatch(line))]
    if len(results) < _FEWEST_RESULTS or not any(is_unit(one["unit"] or "") for one in results):
        return None
    found = Findings()
    _guess_results(results, found)
    _guess_head(lines, found)
    _guess_frame(lines, found)
    steps = tuple(line.encode("latin-1") + b"\n" for line in lines if line)
    return Traffic(Kind.TELEGRAM, is_framed=True, texts=(), steps=steps), found


def _guess_results(results: Sequence[re.Match[str]], found: Findings) -> None:
    found.guess("result.test_code", "column.test", "the first word of a line")
    found.guess("result.value", "column.value", "the number behind it")
    found.guess("result.unit", "column.unit", "the word behind the number")
    marks = {one["flag"] for one in results if one["flag"]}
    if marks:
        table = {mark: meaning for mark, meaning in _FLAGS.items() if mark in marks}
        found.guess(
            "result.flags", {"path": "column.flag", "table": table}, "marks right behind numbers"
        )
    found.guess("protocol.listed", _LISTED, f"{len(results)} lines look like results")
    found.guess(
        "protocol.passed_over", "[^0-9]*", "lines without any digit; what else is left over is told"
    )
    found.codes = {one["test"]: one["unit"] or "none" for one in results}


def _guess_head(lines: Sequence[str], found: Findings) -> None:
    labelled = [one for line in lines if (one := _LABELLED.fullmatch(line))]
    best = max(labelled, key=lambda one: id_score([one["id"]]), default=None)
    if best is not None:
        label = re.sub(r"\s+", " +", best["label"].strip().replace(".", "[.]"))
        found.guess(
            "protocol.head.sample_id",
            f" *{label}(?: *:)? +([^ ]+)(?: .*)?",
            "looks most like an identifier",
        )
        found.guess(
            "specimen.sample_id", "sample_id", "of the whole report; compare it with a tube"
        )
    else:
        found.guess("protocol.head.sample_id", "Sample ID *(.*)", "no line looks like it")
        found.guess(
            "specimen.sample_id",
            "sample_id",
            "no line looks like it, so every result would be held",
        )
    _guess_moment(lines, found)


def _guess_moment(lines: Sequence[str], found: Findings) -> None:
    moments = [one for line in lines if (one := _MOMENT.fullmatch(line))]
    if not moments:
        return
    clock, day = moments[0]["clock"], moments[0]["day"]
    # The number of words before it, and not just anything: a pattern that is read in linear time.
    before = f" *(?:[^ ]+ +){{{len(moments[0]['before'].split())}}}"
    found.guess(
        "protocol.head.clock", f"{before}({_CLOCK}) +(?:{_DAY})(?: .*)?", "a time beside a day"
    )
    found.guess("protocol.head.day", f"{before}{_CLOCK} +({_DAY})(?: .*)?", "a day beside a time")
    found.likely("protocol.joined", {"measured": ("clock", "day")}, "a time and a day")
    is_named = any(name in day for name in _MONTHS)
    clock_layout = "%H:%M:%S" if clock.count(":") > 1 else "%H:%M"
    day_layout = "%d %m %Y" if is_named else f"%Y{day[4]}%m{day[4]}%d"
    found.guess(
        "result.measured_at",
        {"path": "joined.measured", "format": f"{clock_layout} {day_layout}"},
        "its shape",
    )
    if is_named:
        found.likely("protocol.time_words", _MONTHS, "names of months")


def _guess_frame(lines: Sequence[str], found: Findings) -> None:
    frame: dict[str, object] = {"start": "", "ends": (lossless(b"\n"),), "ack": "", "nak": ""}
    frame |= {"silence_ends": True, "silence_s": 4.0, "joiner": lossless(b"\n")}
    rulers = [line for line in lines if _RULER.fullmatch(line)]
    if rulers:
        frame["ends_message"] = (rulers[0].strip()[:8],)
    for name, value in frame.items():
        found.likely(f"protocol.frame.{name}", value, "a printer's lines: no start, no replies")
    found.missing.append(
        "No rule tells a control from a patient's specimen yet: record one, and add `role`."
    )
