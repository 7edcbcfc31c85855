"""Writes a draft's profile: TOML with a comment behind every guess that says how sure it is, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from middleware.draft.evidence import Findings, Guess, Literal

_SECTIONS = (
    "driver",
    "identify",
    "transport",
    "link",
    "header",
    "specimen",
    "result",
    "query",
    "values",
    "units",
    "protocol",
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONG = 88


def literal(value: Literal) -> str:
    """A value as TOML writes it. Patterns stand between single quotes, so that they need no escapes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key(name)} = {literal(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    raise TypeError(f"a profile cannot hold {type(value).__name__}")


def key(name: str) -> str:
    """A key, quoted where it must be."""
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    is_plain = text.isprintable() and "'" not in text
    if is_plain and ("\\" in text or '"' in text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def profile_text(findings: Findings, heading: Sequence[str]) -> str:
    """The whole driver.toml."""
    lines = [f"# {line}" if line else "#" for line in heading]
    by_section: dict[str, list[Guess]] = {}
    for one in findings.guesses.values():
        section = one.section or one.key
        by_section.setdefault(section, []).append(one)
    ordered = sorted(
        by_section, key=lambda name: (_SECTIONS.index(name.split(".")[0]), name.count("."))
    )
    for section in ordered:
        lines += ["", f"[{section}]"]
        for one in by_section[section]:
            lines += _lines_of(one)
    return "\n".join(lines) + "\n"


def _lines_of(guess: Guess) -> list[str]:
    remark = f"# {guess.confidence}: {guess.why}" if guess.why else ""
    if guess.key in ("identify", "units") and isinstance(guess.value, Mapping):
        return [remark, *(f"{key(name)} = {literal(one)}" for name, one in guess.value.items())]
    line = f"{key(guess.name)} = {literal(guess.value)}"
    if len(line) > _LONG and isinstance(guess.value, tuple):
        rows = [f"    {literal(one)}," for one in guess.value]
        return [*([remark] if remark else []), f"{key(guess.name)} = [", *rows, "]"]
    return [*([remark] if remark else []), line]
