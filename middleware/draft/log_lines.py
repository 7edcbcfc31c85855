"""The lines of a text log: what stands in front of them (times, marks), and which direction is the analyzer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_TIME = (
    r"(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.]\d{2,4})?[ T_,]*\d{1,2}:\d\d(?::\d\d)?(?:[.,:]\d{1,6})?"
    r"(?:Z|[+-]\d\d:?\d\d)?(?: ?[AP]M)?"
)
_MARKS = (
    r"(?:RX|TX|RECV|RECEIVED|RECEIVE|SENT|SEND|SENDING|READ|WRITE|WROTE|REC|SND|IN|OUT|RCV|INPUT|OUTPUT"
    r"|ANALY[ZS]ER|INSTRUMENT|INSTR|DEVICE|HOST|LIS|PC|SERVER|CLIENT|[<>]|[RSIO](?=[:\])])|<-+|-+>|<=+|=+>|<<+|>>+|←|→)"
)
_LEVEL = r"(?:DEBUG|INFO|TRACE|WARN(?:ING)?|ERROR)"
_PREFIX = re.compile(
    rf"\s*(?:[\[(]?{_TIME}[\])]?|\+?\d+\.\d{{2,6}})?[\s,;:|-]*(?:[\[(]?{_LEVEL}[\])]?)?[\s,;:|-]*"
    rf"(?:[\[(]?(?P<mark>{_MARKS})[\])]?(?=[\s:|=<\[{{(^]|$)[\s:|=]*)?(?:data|bytes|msg)?[ :=]*",
    re.IGNORECASE,
)
_CONTROL_MARK = re.compile(r"\s*[<\[{]?(?:STX|ENQ|EOT|ACK|NAK|VT|FS|SB)\b", re.IGNORECASE)
_MOST = 0.6
_OPENS = re.compile(
    r"[<\[{(«]?(?:ENQ|STX|SB|VT)[>\]})»]?|\^[EBK]|\b0[25b]\b|\x02|\x05|\x0b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log without what the logger put in front; `mark` is its direction mark, as written."""

    mark: str
    text: str


def cut_lines(text: str) -> tuple[list[Line], bool]:
    """The lines, and whether a logger had put something in front of them."""
    raw = text.splitlines()
    lines = [line for line in raw if line.strip()]
    cut = [_cut(line) for line in lines]
    fronted = [one for one, line in zip(cut, lines, strict=True) if one.text != line]
    if not lines or len(fronted) < _MOST * len(lines):
        return [Line("", line) for line in raw], False
    return cut, True


def _cut(line: str) -> Line:
    found = _PREFIX.match(line)
    assert found is not None  # every part of the pattern may be absent
    said = line[: found.end()]
    if not any(letter.isdigit() for letter in said) and not found["mark"]:
        return Line("", line)
    return Line((found["mark"] or "").upper(), line[found.end() :])


def mark_of_analyzer(lines: list[Line]) -> str:
    """The direction mark of what the analyzer sends: of the first line that opens a session, a frame or a block."""
    marks = Counter(line.mark for line in lines if line.mark)
    if len(marks) < 2:  # noqa: PLR2004
        return ""
    for line in lines:
        if line.mark and _OPENS.match(line.text.strip()):
            return line.mark
    return max(marks, key=lambda mark: sum(len(line.text) for line in lines if line.mark == mark))
