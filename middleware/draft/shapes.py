"""What a text looks like: a number, a unit, a time, a flag, an identifier. Shapes are evidence, never proof."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

_NUMBER = re.compile(r"[<>]?=? ?[+-]?(?:\d[\d,]*(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_STANDARD_TIME = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}(?:\d\d)?)?"
)
_HL7_TIME = re.compile(_STANDARD_TIME.pattern + r"(?:\.\d{1,4})?(?:[+-]\d{4})?")
_VERSION = re.compile(r"v?\d+(?:[.-]\d+){1,5}", re.IGNORECASE)
_OLDEST, _NEWEST = 1900, 2200
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")

_UNIT_WORDS_TEXT = """
% ‰ pg fl g/l g/dl mg/l mg/dl mg/g ug/ml ug/l ug/dl ng/ml ng/dl ng/ul ng/l pg/ml mmol/l umol/l
nmol/l pmol/l mmol/mol meq/l u/l u/ml iu/l iu/ml miu/ml miu/l uiu/ml ku/l mu/l ratio index s/co
s/n coi sec s seconds min mm/h mm/hr mmhg kpa osmol/kg mosm/kg cells/ul cells/mm3 /ul /hpf /lpf
copies/ml cp/ml iu cps/ml {copies}/ml ph od abs inr m.n. fraction percnt percent cycle ct log
log10 mg ml l dl mm cm kg g ery/ul leu/ul e.u./dl mg/mg u/i nkat/l ukat/l ml/min ml/l ug/mg
ml/min/1.73m2
"""
_UNIT_WORDS = frozenset(_UNIT_WORDS_TEXT.split())
_UNIT_SHAPE = re.compile(
    r"(?:x ?)?10\s*(?:\*\*|[*^eE]|\^\()?\s*[-+]?\d{0,2}\)?\s*[/.].+"
    r"|[A-Za-zµμ%{}]{1,12}\s?/\s?[A-Za-zµμ0-9.{}]{1,12}|10\*?\^?\(?-?\d+\)?.*|x?10[eE]\d+.*"
)
_FLAG_WORDS_TEXT = """
N L H LL HH A AA < > + - ++ -- LN HN U D B W S R I MS VS * ! >RR <RR NORMAL LOW HIGH
"""
FLAG_WORDS = frozenset(_FLAG_WORDS_TEXT.split())
_ID_PLACEHOLDERS = frozenset(("", "0", "NA", "N/A", "NONE", "ERROR", "NOREAD", "UNKNOWN"))
_CONTROL_WORDS = re.compile(
    r"(?<![A-Z])(QC|CTRL|CONTROLE?|CTL|NEG|POS|LOPOS|HIPOS|LOWPOS|BLANK|CAL|CALIBRATOR|STD|STANDARD|NTC|LEVEL ?\d"
    r"|BEADS|PRECI\w+|IMMUNO-?TROL|MULTI-?CHECK)(?![A-Z])",
    re.IGNORECASE,
)

_OUTCOMES = re.compile(
    r"(?:not |non[- ]?|weak(?:ly)? |target )*(?:detected|positive?|negative?|pos|neg|norm(?:al)?|trace|reactive|positif"
    r"|n[eé]gatif|positivo|negativo|pass|present|absent|yellow|clear|small|moderate|large|equivocal|indeterminate"
    r"|not detected|invalid)\.?",
    re.IGNORECASE,
)

TIME_FORMATS = (
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %I:%M:%S %p",
    "%Y/%m/%d %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%y %H:%M:%S",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%Y-%m-%d %I:%M:%S %p %z",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y%m%d %H:%M:%S",
    "%H:%M %d %b %Y",
    "%H:%M:%S %d %b %Y",
)
DATE_FORMATS = (
    "%Y%m%d",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d-%m-%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d %b %Y",
)
CLOCK_FORMATS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H%M%S")


def is_number(text: str) -> bool:
    """A number in any usual notation, with or without a comparator."""
    return bool(_NUMBER.fullmatch(text.strip()))


def is_plain_number(text: str) -> bool:
    """A number as every reader takes it."""
    return bool(_PLAIN_NUMBER.fullmatch(text))


def is_time(text: str) -> bool:
    """YYYYMMDD with or without a time behind it, as the standards write it."""
    return bool(_HL7_TIME.fullmatch(text.strip()))


def is_full_time(text: str) -> bool:
    """A standard time that has hours and minutes."""
    return is_time(text) and len(text.strip()) >= len("YYYYMMDDHHMM")


def is_unit(text: str) -> bool:
    """A unit that laboratories use, or something built like one."""
    plain = text.strip().casefold()
    return bool(plain) and (plain in _UNIT_WORDS or bool(_UNIT_SHAPE.fullmatch(text.strip())))


def is_version(text: str) -> bool:
    """A version number: digits and points."""
    return bool(_VERSION.fullmatch(text.strip()))


def is_control_name(text: str) -> bool:
    """A name that laboratories give to control material, calibrators and blanks."""
    return bool(_CONTROL_WORDS.search(text.replace("_", " ")))


def is_outcome(text: str) -> bool:
    """A word that states a result, such as negative."""
    return bool(_OUTCOMES.fullmatch(text.strip()))


def has_letters(text: str) -> bool:
    """At least one letter."""
    return bool(_LETTER.search(text))


def has_digits(text: str) -> bool:
    """At least one digit."""
    return bool(_DIGIT.search(text))


def id_score(texts: Sequence[str]) -> float:
    """How much these texts look like identifiers on tubes: 0 nothing, above 2 very much."""
    filled = [text for text in texts if text.strip().upper() not in _ID_PLACEHOLDERS]
    if not filled:
        return 0.0
    score = len(filled) / len(texts)
    shortest, longest = min(map(len, map(str.strip, filled))), max(map(len, filled))
    score += 1.0 if shortest >= 6 else 0.5 if longest >= 4 else -0.4  # noqa: PLR2004
    if longest > 2 and any(text != text.strip() and len(text) > 8 for text in filled):  # noqa: PLR2004
        score += 0.8  # right or left aligned in a field of fixed width
    if all(is_full_time(text) or is_unit(text) for text in filled):
        score -= 2.0
    if not any(has_digits(text) for text in filled):
        score -= 0.6
    distinct = len({text.strip() for text in filled})
    if len(filled) > 1:
        score += 0.6 if distinct == len(filled) else -0.4 if distinct == 1 else 0.2
    return score


def time_format(texts: Iterable[str], formats: Sequence[str] = TIME_FORMATS) -> tuple[str, bool]:
    """The format that reads all of these texts, and whether no other does (day and month may be mistaken)."""
    known = list(texts)
    fitting = [one for one in formats if known and all(_reads(text, one) for text in known)]
    if not fitting:
        return "", False
    readings = {tuple(datetime.strptime(text, one) for text in known) for one in fitting}  # noqa: DTZ007
    return fitting[0], len(readings) == 1


def _reads(text: str, layout: str) -> bool:
    try:
        moment = datetime.strptime(text, layout)  # noqa: DTZ007 - only the shape counts
    except ValueError:
        return False
    if "%" not in layout or ("%Y" not in layout and "%y" not in layout):
        return True
    # `%Y%m%d%H%M` would also read a text that lacks digits: the length tells.
    is_packed = layout.startswith("%Y%m%d%H")
    return _OLDEST < moment.year < _NEWEST and (
        not is_packed or len(text) == (14 if "%S" in layout else 12)
    )
