"""Writes a printer's listing: lines that the profile's patterns read as the texts wanted, and as nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random

from drivers.protocols.framed.settings import FramedSettings
from middleware.driver.pattern_text import text_matching
from middleware.driver.speak import Texts
from middleware.errors import DriverError

_TRIES = 12

Patterns = Mapping[str, re.Pattern[str]]


def write_listing(
    settings: FramedSettings, head: Texts, rows: Sequence[Texts], lots: Random
) -> list[str]:
    """The lines. Raises DriverError for a text that no line can say."""
    patterns = {name: re.compile(pattern) for name, pattern in settings.head.items()}
    pending = {name: text for name, text in head.items() if text}
    lines: list[str] = []
    while pending:
        line, names = _best_line(settings, patterns, pending, lots)
        if not names:
            raise _refusal(f"no line says {', '.join(sorted(pending))}", min(pending))
        lines.append(line)
        pending = {name: text for name, text in pending.items() if name not in names}
    return lines + [_row(settings, patterns, one, lots) for one in rows]


def first_group(pattern: str) -> str:
    """The pattern of the first group of a pattern."""
    for found in re.finditer(r"(?<!\\)\((?!\?)|(?<!\\)\(\?P<\w+>", pattern):
        depth, at = 1, found.end()
        while at < len(pattern) and depth:
            letter = pattern[at]
            depth += (letter == "(") - (letter == ")")
            at += 2 if letter == "\\" else 1
        return pattern[found.end() : at - 1]
    return ""


def _best_line(
    settings: FramedSettings, patterns: Patterns, pending: Texts, lots: Random
) -> tuple[str, frozenset[str]]:
    """The line that says most of what is pending."""
    best: tuple[str, frozenset[str]] = ("", frozenset())
    for name in pending:
        for _ in range(_TRIES):
            line, names = _filled(
                text_matching(settings.head[name], lots, pending[name]) or "", patterns, pending
            )
            if len(names) > len(best[1]):
                best = (line, names)
    return best


def _filled(line: str, patterns: Patterns, pending: Texts) -> tuple[str, frozenset[str]]:
    """The line with the pending texts in their places; no names when it would say something else."""
    found = [(name, match) for name, one in patterns.items() if (match := one.fullmatch(line))]
    spans = sorted(
        {(match.span(1), pending[name]) for name, match in found if name in pending}, reverse=True
    )
    for (first, last), text in spans:
        line = line[:first] + text + line[max(last, first) :]
    names = {name for name, one in patterns.items() if one.fullmatch(line)}
    said = {name: patterns[name].fullmatch(line) for name in names}
    is_true = all(
        name in pending and match is not None and match[1] == pending[name]
        for name, match in said.items()
    )
    return (line, frozenset(names)) if names and is_true else ("", frozenset())


def _row(settings: FramedSettings, patterns: Patterns, texts: Texts, lots: Random) -> str:
    """The line of one result."""
    listed = re.compile(settings.listed)
    wanted = {name: texts.get(f"column.{name}", "") for name in listed.groupindex}
    for _ in range(_TRIES):
        line = text_matching(settings.listed, lots, "", wanted) or ""
        found = listed.fullmatch(line)
        said = {name: text or "" for name, text in found.groupdict().items()} if found else {}
        if said == wanted and not any(one.fullmatch(line) for one in patterns.values()):
            return line
    raise _refusal(f"no line says {wanted}", "listed")


def _refusal(why: str, path: str) -> DriverError:
    return DriverError(why, what_to_do="See [protocol] of the profile.", record=1, field=path)
