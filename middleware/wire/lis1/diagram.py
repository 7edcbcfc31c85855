"""The generated parts of this package's README: state diagrams, the table in words, the list of quirks."""

from __future__ import annotations

from collections.abc import Iterable

from middleware.wire.lis1.quirks import QUIRKS
from middleware.wire.lis1.tables import TRANSITIONS, Action, Input, State

_QUIET = frozenset((Action.IGNORE, Action.HOLD_BYTES, Action.KEEP_QUEUED, Action.IMPOSSIBLE))
_RECEIVING = (State.NEUTRAL, State.RECEIVING, State.AWAITING_COMMIT)
_SENDING = (State.NEUTRAL, State.ENQUIRY_SENT, State.FRAME_SENT)


def sections() -> dict[str, str]:
    """The text of each generated section of the README, by its name."""
    return {
        "receiving": _diagram(_RECEIVING),
        "sending": _diagram(_SENDING),
        "table": _table(),
        "impossible": _impossible(),
        "quirks": _quirks(),
    }


def _diagram(states: tuple[State, ...]) -> str:
    """The transitions among `states` that do something, as a Mermaid state diagram."""
    arrows: dict[tuple[State, State, Action], list[Input]] = {}
    for (state, cause), row in TRANSITIONS.items():
        if state in states and row.next_state in states and row.action not in _QUIET:
            arrows.setdefault((state, row.next_state, row.action), []).append(cause)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> NEUTRAL"]
    lines += [f"    {state.name} : {state.value}" for state in states]
    for (state, next_state, action), causes in arrows.items():
        what = " or ".join(cause.value for cause in causes)
        lines.append(f"    {state.name} --> {next_state.name} : {what} / {action.value}")
    return "\n".join([*lines, "```"])


def _table() -> str:
    """Every possible cell, one row each."""
    possible = (
        (state.name, cause.value, row.action.value, row.next_state.name, row.clause)
        for (state, cause), row in TRANSITIONS.items()
        if row.action is not Action.IMPOSSIBLE
    )
    return _markdown(("state", "input", "action", "next state", "clause"), possible)


def _impossible() -> str:
    """The cells that cannot be reached, joined by input."""
    joined: dict[tuple[Input, str], list[str]] = {}
    for (state, cause), row in TRANSITIONS.items():
        if row.action is Action.IMPOSSIBLE:
            joined.setdefault((cause, row.reason), []).append(state.name)
    rows = ((cause.value, ", ".join(names), why) for (cause, why), names in joined.items())
    return _markdown(("input", "cannot happen in", "because"), rows)


def _quirks() -> str:
    """The tolerances by name."""
    rows = (
        (f"`{name}`", quirk.clause, quirk.what_the_analyzer_does, quirk.what_we_do)
        for name, quirk in QUIRKS.items()
    )
    return _markdown(("quirk", "deviates from", "the analyzer", "we"), rows)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
