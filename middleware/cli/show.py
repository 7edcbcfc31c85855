"""How commands speak: tables and sentences for people, one versioned JSON document for programs.

Whatever came over a wire is shown with its control characters made visible, so that a name in a message cannot move the
cursor, colour the screen or write a row of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from middleware.errors import MiddlewareError

DOCUMENT_VERSION = 1
_WIDTH_OF_A_PIPE = 240  # a program or a file reads it: nothing is cut off

_NOTHING = "-"
_NARROWEST_FOLD = 12
_GAP = 2

Row = Mapping[str, Any]
Columns = Sequence[tuple[str, str]]
"""Heading and key of each column."""

# Columns that hold JSON text in the store.
_JSON_COLUMNS = frozenset({"faults", "findings", "comments", "instrument_flags", "detail"})
_LIST_COLUMNS = frozenset({"quirks", "abnormal_flags"})
_TEXT_COLUMNS = frozenset({"payload", "reply", "text", "wire"})


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return Console(file=stream, width=width, highlight=False)


def document(kind: str, items: Sequence[Row], **more: Any) -> None:
    """Print `items` as a JSON document."""
    whole = {"labwire": DOCUMENT_VERSION, "kind": kind, **more, "items": items}
    json_document(whole)


def json_document(whole: Mapping[str, Any]) -> None:
    """Print a document that has its version and kind already."""
    sys.stdout.write(json.dumps(whole, indent=1, ensure_ascii=False, default=str) + "\n")


def for_json(row: Row) -> dict[str, Any]:
    """A row of the store as JSON can hold it: times as ISO 8601 in UTC, bytes as text, lists as lists."""
    return {key: _for_json(key, value) for key, value in row.items()}


def with_iso_times(row: Row) -> dict[str, Any]:
    """A part of the node's own status, which is made for JSON but for its times."""
    return {key: _iso(key, value) for key, value in row.items()}


def _iso(key: str, value: Any) -> Any:
    if (key.endswith("_at") or key == "since") and isinstance(value, float | int):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    return value


def _for_json(key: str, value: Any) -> Any:
    if key in _LIST_COLUMNS:
        return [one for one in (value or "").split(",") if one]
    if key in _JSON_COLUMNS and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, bytes):
        # Latin-1 keeps every byte, so that a program can have the bytes back.
        return value.decode("latin-1") if key in _TEXT_COLUMNS else value.hex()
    return _iso(key, value)


def table(columns: Columns, rows: Sequence[Row], title: str = "") -> None:
    """Print a table; no rows are said in words by the caller.

    On a narrow terminal columns without any value are left out, then the widest one is folded, and when that does not
    help each row becomes a list of its own: nothing is ever cut off or broken in the middle of a word.
    """
    console = _console()
    cells = [[visible(_cell(row.get(key))) for _, key in columns] for row in rows]
    kept = list(range(len(columns)))
    if _least_width(columns, cells, kept) > console.width:
        kept = [n for n in kept if any(row[n] != _NOTHING for row in cells)]
    if _least_width(columns, cells, kept) > console.width:
        _say_as_lists(columns, cells, title)
        return
    widest = max(kept, key=lambda n: _width(columns, cells, n), default=0)
    made = Table(
        box=None, pad_edge=False, header_style="bold", title=title or None, title_justify="left"
    )
    for n in kept:
        made.add_column(columns[n][0], overflow="fold", no_wrap=n != widest)
    for row in cells:
        made.add_row(*(Text(row[n]) for n in kept))
    with console.capture() as drawn:
        console.print(made)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))


def _width(columns: Columns, cells: Sequence[Sequence[str]], number: int) -> int:
    return max([len(columns[number][0]), *(len(row[number]) for row in cells)])


def _least_width(columns: Columns, cells: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    """What a table needs when its widest column is folded as far as it stays readable."""
    widths = sorted(_width(columns, cells, n) for n in kept) or [0]
    return sum(widths[:-1]) + min(widths[-1], _NARROWEST_FOLD) + _GAP * (len(widths) - 1)


def _say_as_lists(columns: Columns, cells: Sequence[Sequence[str]], title: str) -> None:
    indent = max(len(heading) for heading, _ in columns) + _GAP
    if title:
        say(title, "bold")
    for row in cells:
        first, *others = ((columns[n][0], one) for n, one in enumerate(row) if one != _NOTHING)
        say(f"{first[0]:{indent}}{first[1]}", "bold")
        for heading, one in others:
            say(f"{heading:{indent}}{one}")


def say(text: str, style: str = "") -> None:
    """Print a sentence; its own line ends stay, everything else that is not printable becomes visible."""
    for line in text.split("\n"):
        _console().print(Text(visible(line), style=style), soft_wrap=True)


def tell_error(error: MiddlewareError) -> None:
    """A person's mistake, or trouble, as sentences on stderr."""
    console = _console(stderr=True)
    for line in str(error).split("\n"):
        console.print(Text(visible(line), style="red"), soft_wrap=True)
    if error.what_to_do:
        console.print(Text(f"What to do: {visible(error.what_to_do)}"), soft_wrap=True)


def tell_warning(text: str) -> None:
    """Something that a person should know although the command did its work; on stderr."""
    _console(stderr=True).print(Text(visible(text), style="yellow"), soft_wrap=True)


def visible(text: str) -> str:
    """`text` with what a terminal would obey, or hide, made visible."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"<{ord(one):02X}>" for one in text)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value) or _NOTHING
    return str(value)


def moment(at: float | None, zone: tzinfo) -> str:
    """Seconds since 1970 as a time of the node's zone; "-" for none."""
    if at is None:
        return "-"
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr while long work runs; call it with (what, done, total). Nothing where nobody looks."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=_console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )
