"""What no file of the project may say: a place of one machine, or where packages came from."""

from __future__ import annotations

import re

# Written in pieces, so that this table does not report itself.
_FORBIDDEN = {
    "a path of one machine": "|".join(
        [
            r"(?<![\w.-])/(?:wo" + r"rk|ro" + r"ot)/",
            r"/home/" + r"[a-z]",
            r"(?<![\w.-])/tm" + r"p/[a-z]",
            r"file:" + r"//+\w",
        ]
    ),
    "a package registry or its option": "|".join(
        [
            r"py" + r"pi\.org",
            r"python" + r"hosted\.org",
            r"registry\.np" + r"mjs",
            r"--(?:extra-)?index" + r"-url\b",
            r"--find" + r"-links\b",
        ]
    ),
}
_PATTERNS = {what: re.compile(pattern) for what, pattern in _FORBIDDEN.items()}

# The option that keeps an address out of the lock files is the one that may be named.
_HARMLESS = re.compile(r"--no-emit-index" + r"-url")


def faults_of_text(place: str, text: str) -> list[str]:
    """Every forbidden thing in a text, as `file:line: what`."""
    faults = []
    for what, pattern in _PATTERNS.items():
        for hit in pattern.finditer(_HARMLESS.sub("", text)):
            line = text.count("\n", 0, hit.start()) + 1
            faults.append(f"{place}:{line}: {what}: {hit.group()}")
    return faults
