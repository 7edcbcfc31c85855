"""Why an ordered test was not given to an analyzer, or what is awaited, in sentences for a person. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from middleware.model import ReleaseState, StepState
from middleware.store import order_views, results, specimen_lookup
from middleware.store.connection import Connection
from middleware.store.order_views import StepFilter
from middleware.store.specimen_lookup import Tube
from middleware.store.wanted import Claimer

MOST_TESTS = 1000
_UNDER_WAY = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)
_NOT_ARRIVED = "the tube has not arrived"


@dataclass(frozen=True, slots=True)
class Why:
    """One ordered test and what holds it, the most important first."""

    id: int
    lis_code: str
    state: StepState
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: the lines that may be given work, and how a time is said."""

    claimers: Mapping[str, Claimer]
    moment: Callable[[float], str]


def why(conn: Connection, sample_id: str, asking: Asking, test: str | None = None) -> list[Why]:
    """Every test of a tube that has no result, the oldest first; of `test` alone where it is named."""
    rows = order_views.listing(conn, StepFilter(sample_id=sample_id, limit=MOST_TESTS))[::-1]
    tubes = [
        one
        for many in specimen_lookup.alike(conn, [sample_id]).values()
        for one in many
        if one.sample_id == sample_id
    ]
    by_source = {one.order_source: one for one in tubes}
    return [
        Why(
            row["id"],
            row["lis_code"],
            StepState(row["state"]),
            (
                *_doubled(row, rows),
                *_reasons(conn, row, by_source.get(row["order_source"]), asking),
            ),
        )
        for row in rows
        if test in (None, row["lis_code"]) and row["state"] != StepState.RESULTED
    ]


def _doubled(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Another order of the same test on the tube that an analyzer has."""
    if row["state"] != StepState.PENDING:
        return []
    return [
        f"{one['line']} was given the same test by order {one['placer_number'] or one['id']}: one at a time"
        for one in rows
        if one["state"] in _UNDER_WAY
        and all(one[name] == row[name] for name in ("lis_code", "order_source"))
    ]


def _reasons(
    conn: Connection, row: Mapping[str, Any], tube: Tube | None, asking: Asking
) -> list[str]:
    state, line = StepState(row["state"]), row["line"]
    if state is StepState.CLAIMED:
        return [f"it is on its way to {line}"]
    if state in (StepState.SENT, StepState.IN_PROCESS):
        at = row["sent_at"] or row["changed_at"]
        held = _held(conn, row)
        return held or [f"{line} has it since {asking.moment(at)}; its result is awaited"]
    if state is StepState.REFUSED:
        cure = "`labwire orders free` offers it again"
        return [f"the analyzer of {line} refused it: {row['reason']}; {cure}"]
    if state is not StepState.PENDING:
        return [f"it is {state}: {row['reason'] or 'no reason was given'}"]
    if tube is None:
        return ["the sample id is another period's by now; order it again"]
    said = [*_held(conn, row), *_doubts(conn, tube)]
    return [*said, *_lines(row, tube, asking), *_waiting(row, tube, asking)]


def _held(conn: Connection, row: Mapping[str, Any]) -> list[str]:
    """Results of the tube and test that came and were not believed to be this order's."""
    found = results.without_step(conn, [row["sample_id"]], row["created_at"])
    return [
        f"result {one['id']} came and is held: `labwire results show {one['id']}` says why"
        for one in found
        if one["release_state"] == ReleaseState.HELD
        and row["lis_code"] in (one["lis_code"], one["test_code"])
    ]


def _doubts(conn: Connection, tube: Tube) -> list[str]:
    """Tubes that could be taken for this one."""
    found = specimen_lookup.alike(conn, [tube.sample_id]).get(tube.sample_id_normal, [])
    said = []
    for one in found:
        if one.id != tube.id and one.order_source == tube.order_source:
            said.append(
                f"the tube {one.sample_id} is so alike that they could be confused: neither is given"
            )
        elif one.id != tube.id:
            said.append(
                f"{one.order_source} has a tube {one.sample_id} too: lines without `order_source` are given neither"
            )
    return said + [
        f"the tube {name.sample_id} had the label {name.former} before: they could be confused"
        for name in specimen_lookup.former(conn, [tube.sample_id])
        if name.specimen_id != tube.id
    ]


def _lines(row: Mapping[str, Any], tube: Tube, asking: Asking) -> list[str]:
    """Which lines may not be given it, and why."""
    can: list[str] = []
    said: list[str] = []
    for line, claimer in sorted(asking.claimers.items()):
        reason = _refusal(row, tube, claimer)
        if reason:
            said.append(f"{line}: {reason}")
        else:
            can.append(line)
    if not asking.claimers:
        return ["no line of the settings may be given work"]
    if not can:
        return [f"no line may be given it ({'; '.join(said)})"]
    later = [f" ({one})" for one in said if one.endswith(_NOT_ARRIVED)]
    return [f"it waits for {' or '.join(can)}{''.join(later)}"]


def _refusal(row: Mapping[str, Any], tube: Tube, claimer: Claimer) -> str:
    if claimer.order_source not in ("", tube.order_source):
        return f"its sample ids are those of {claimer.order_source}"
    if row["only_line"] not in (None, claimer.line):
        return f"a person chose {row['only_line']}"
    if claimer.code_for(row["lis_code"], tube.specimen_type or "") is None:
        return f"its table has no one code for {row['lis_code']}"
    if not claimer.before_arrival and tube.arrived_at is None:
        return _NOT_ARRIVED
    return ""


def _waiting(row: Mapping[str, Any], tube: Tube, asking: Asking) -> list[str]:
    """What the history and the last sighting say."""
    said = []
    if row["reason"]:
        said.append(f"last: {row['reason']}")
    if row["try_at"] is not None and not row["tries"]:
        said.append(f"sent again unasked from {asking.moment(row['try_at'])}; a query gets it now")
    elif row["try_at"] is not None:
        said.append(
            f"sent {row['tries']} times, not taken; the next try is at {asking.moment(row['try_at'])}"
        )
    if tube.seen_at is None:
        said.append("no analyzer has asked for this tube")
    elif tube.seen_at <= row["created_at"]:
        place = order_views.place_words(tube.seen_carrier, tube.seen_position)
        said.append(
            f"ordered after {tube.seen_line} saw the tube{place} at {asking.moment(tube.seen_at)}: load it again"
        )
    return said


def said(found: Sequence[Why]) -> list[dict[str, Any]]:
    """The same as rows of a listing."""
    return [
        {
            "id": one.id,
            "test": one.lis_code,
            "state": one.state.value,
            "why": "; ".join(one.reasons),
        }
        for one in found
    ]
