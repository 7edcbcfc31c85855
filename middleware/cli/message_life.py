"""The life of one message as dated sentences: received, processed, decided, queued, answered by the LIS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from middleware.model import MessageKind, ReleaseState
from middleware.store.schema import JournalState, OutboxState

Row = Mapping[str, Any]

_VERDICTS = {"release": "released", "hold": "held", "reject": "rejected"}
_DONE = {"resend": "sent again", "replay": "replayed", "hold": "held back", "release": "let go"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `at` in seconds since 1970; None: it has not happened yet."""

    at: float | None
    what: str


def life_of(
    entry: Row, results: Sequence[Row], outbox: Sequence[Row], decisions: Sequence[Row]
) -> list[Step]:
    """Every step in the order of things, what is still awaited last. `decisions` are rows of the audit trail."""
    received, processed = _received(entry), _processed(entry, results)
    # Whatever the clock did meanwhile: a message is received first, and processed before anything comes of it.
    first = [received] if entry["replays"] else [received, processed]
    others = [
        *([processed] if entry["replays"] else []),
        *_decided(entry, results, outbox, decisions),
        *(step for row in outbox for step in _delivery(row)),
    ]
    done = sorted((step for step in others if step.at is not None), key=lambda step: step.at or 0.0)
    return [*first, *done, *(step for step in others if step.at is None)]


def _received(entry: Row) -> Step:
    what = f"received on the line {entry['line']} and stored; {_ack(entry)}"
    return Step(entry["received_at"], what)


def _processed(entry: Row, results: Sequence[Row]) -> Step:
    state, at = entry["state"], entry["processed_at"]
    if state == JournalState.INCOMPLETE:
        return Step(entry["received_at"], "kept as it is: it has no end, so it is not processed")
    if state == JournalState.REFUSED:
        return Step(entry["received_at"], f"refused and kept for evidence: {entry['reason']}")
    if state == JournalState.UNREADABLE:
        return Step(at, f"could not be read: {entry['reason']}")
    if state == JournalState.ANSWERED:
        return Step(at, f"a host query, {entry['reason']}")
    if state == JournalState.NOT_ANSWERED:
        reason = entry["reason"] or "its driver answers none yet, or the node stopped first"
        return Step(at or entry["received_at"], f"a host query, not answered: {reason}")
    if at is None or state == JournalState.RECEIVED:
        return Step(None, "waits to be processed")
    is_order = entry.get("kind") == MessageKind.ORDER and not results
    stored = entry["reason"] or "its orders are in `labwire orders list`"
    made = stored if is_order else _made(results)
    return Step(at, f"processed under setup {entry['setup_generation']}: {made}")


def _ack(entry: Row) -> str:
    if entry["state"] == JournalState.INCOMPLETE:
        return "its frames were acknowledged one by one"
    if entry["state"] == JournalState.REFUSED:
        return "not acknowledged: the analyzer keeps it"
    if entry["ack_confirmed"]:
        return "then acknowledged, and the analyzer went on"
    return "then acknowledged; not known whether that arrived"


def _made(results: Sequence[Row]) -> str:
    if not results:
        return "no results"
    verdicts = Counter(str(row["verdict"]) for row in results)
    said = ", ".join(
        f"{count} {_VERDICTS.get(verdict, verdict)}" for verdict, count in verdicts.items()
    )
    return f"{len(results)} result{'s' if len(results) > 1 else ''} ({said})"


def _decided(
    entry: Row, results: Sequence[Row], outbox: Sequence[Row], decisions: Sequence[Row]
) -> Iterator[Step]:
    """What people did with this message, its results, and what was made of it for the LIS."""
    mine = {
        "results": {row["id"] for row in results},
        "outbox": {row["number"] for row in outbox},
        "messages": {entry["id"]},
    }
    for row in decisions:
        group, _, verb = str(row["action"]).partition(".")
        detail = json.loads(row["detail"] or "{}")
        named = set(detail.get("ids") or detail.get("numbers") or _numbers_of(row["subject"]))
        touched = sorted(named & mine.get(group, set()))
        if not touched:
            continue
        about = "" if group == "messages" else f" {group} {', '.join(map(str, touched))}"
        reason = f" ({detail['reason']})" if detail.get("reason") else ""
        yield Step(row["at"], f"{row['author']}: {_DONE.get(verb, verb)}{about}{reason}")
    held = [row["id"] for row in results if row["release_state"] == ReleaseState.HELD]
    if held:
        said = f"{len(held)} held result{'s wait' if len(held) > 1 else ' waits'} for a person"
        yield Step(None, f"{said}: labwire results release {held[0]} ..., or reject")


def _numbers_of(subject: str) -> list[int]:
    _, _, said = subject.partition(" ")
    return [int(one) for one in said.replace(",", " ").split() if one.isdigit()]


def _delivery(row: Row) -> Iterator[Step]:
    name, to = row["number"], row["connector"]
    yield Step(
        row["created_at"], f"queued for {to} as outbox {name}, control id {row['control_id']}"
    )
    state, tries = row["state"], row["attempts"]
    if row["settled_at"] is not None and state in (OutboxState.ACCEPTED, OutboxState.REFUSED):
        answer = " ".join(part for part in (row["outcome_code"], row["outcome_text"]) if part)
        sent = f" (tried {tries} times)" if tries > 1 else ""
        yield Step(row["settled_at"], f"{to} {state} outbox {name}{sent}: {answer or 'no words'}")
    elif state == OutboxState.HELD:
        yield Step(None, f"outbox {name} is held back by a person")
    else:
        tried = (
            f"tried {tries} times, {row['outcome_text'] or 'no answer'}"
            if tries
            else "not sent yet"
        )
        yield Step(None, f"outbox {name} waits for {to}: {tried}")
