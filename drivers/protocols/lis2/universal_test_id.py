"""Takes a universal test id apart: the analyzer's code, and what keeps several kinds of one test apart.

Component 4 is the maker's code in most messages (LIS02-A2 5.6.1), but makers also use 1, 2 or 5: the profile says
which, and may name several in order. What follows the code (aspect, dilution, replicate) is the detail.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from drivers.protocols.lis2.paths import locate
from middleware.driver.mapping import text_reader
from middleware.driver.profile import ResultSection
from middleware.wire.lis2 import Delimiters, Path, Record, unescape

_KNOWN_IDS = 4096  # bound of a cache; an analyzer has at most some hundred tests


class UniversalTestId(NamedTuple):
    """The code, the detail, and the whole field as sent (escapes decoded)."""

    code: str
    detail: str
    raw: str


def universal_test_id_reader(section: ResultSection) -> Callable[[Record], UniversalTestId]:
    """A function from a result record to its test."""
    paths = [Path.parse(path) for path in section.test_code.paths]
    whole = Path(paths[0].letter, paths[0].field)
    detail_of = text_reader(section.test_detail, locate)
    has_detail = section.test_detail is not None
    number, numbers = whole.field, tuple(path.component for path in paths)
    is_one_field = all((path.letter, path.field) == (whole.letter, whole.field) for path in paths)
    if not is_one_field or not all(numbers) or any(path.repeat for path in paths):
        code_of = text_reader(section.test_code, locate)
        return lambda record: UniversalTestId(code_of(record), detail_of(record), whole.of(record))

    @lru_cache(maxsize=_KNOWN_IDS)
    def take_apart(raw: str, field: str, declared: str, encoding: str) -> UniversalTestId:
        delimiters = Delimiters(field, declared[0], declared[1], declared[2:])
        return _take_apart(raw, numbers, delimiters, encoding)

    def read(record: Record) -> UniversalTestId:
        delimiters = record.delimiters
        # Two texts instead of the delimiters themselves: their hash is known already.
        found = take_apart(
            record.field(number), delimiters.field, delimiters.declaration, record.encoding
        )
        return found._replace(detail=detail_of(record)) if has_detail else found

    return read


def _take_apart(
    raw: str, numbers: tuple[int, ...], delimiters: Delimiters, encoding: str
) -> UniversalTestId:
    whole = unescape(raw, delimiters, encoding)
    if delimiters.repeat in raw:  # two tests in one result: no code can stand for both
        return UniversalTestId("", "", whole)
    parts = [unescape(part, delimiters, encoding) for part in raw.split(delimiters.component)]
    for number in numbers:
        code = parts[number - 1].strip() if number <= len(parts) else ""
        if code:
            rest = "^".join(part.strip() for part in parts[number:]).rstrip("^")
            return UniversalTestId(code, rest, whole)
    return UniversalTestId("", "", whole)
