"""The generated parts of this package's README: the conversation in words, and the list of tolerances."""

from __future__ import annotations

from collections.abc import Iterable

from middleware.wire.poct1a.quirks import QUIRKS
from middleware.wire.poct1a.tables import TRANSITIONS, Action, Input

_QUIET = frozenset((Action.IGNORE, Action.IMPOSSIBLE))


def sections() -> dict[str, str]:
    """The text of each generated section of the README, by its name."""
    return {"conversation": _table(), "quirks": _quirks()}


def _table() -> str:
    """Every cell that does something; states that do the same with an input share a row."""
    joined: dict[tuple[Input, Action, str], list[str]] = {}
    for (state, cause), row in TRANSITIONS.items():
        if row.action not in _QUIET or row.next_state is not state:
            following = "(stays)" if row.next_state is state else row.next_state.value
            joined.setdefault((cause, row.action, following), []).append(state.value)
    rows = [
        (cause.value, ", ".join(states), action.value, following)
        for (cause, action, following), states in joined.items()
    ]
    order = [cause.value for cause in Input]
    rows.sort(key=lambda row: order.index(row[0]))
    return _markdown(("input", "while", "what is done", "then"), rows)


def _quirks() -> str:
    rows = (
        (f"`{name}`", quirk.clause, quirk.what_the_analyzer_does, quirk.what_we_do)
        for name, quirk in QUIRKS.items()
    )
    return _markdown(("quirk", "deviates from", "the analyzer", "we"), rows)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
