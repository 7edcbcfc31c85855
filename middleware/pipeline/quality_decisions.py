"""What people decide about quality control: clearing, changes, values left out, another system's word, look-back.

Re-runnable jobs of one transaction, each audited. A person clears a gate only with cause and action; what had waited is
decided in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from middleware.pipeline import quality_patients
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.decision import Judge
from middleware.pipeline.outgoing import enqueue
from middleware.pipeline.quality import decide_waiting
from middleware.pipeline.quality_board import SERIES, Board, as_known, utc
from middleware.pipeline.quality_controls import LEARNED, without_value
from middleware.pipeline.rule_values import decimal_of
from middleware.qc.codes import GateInput
from middleware.qc.gate_model import Cleared, ConditionsChanged, Event, ExternalTold, Mark
from middleware.qc.materials import Place
from middleware.qc.targets import Learned, LearnedTarget, learn
from middleware.qc.westgard import restarted
from middleware.review.quality import Known
from middleware.store import audit, qc_lists, results, suspensions
from middleware.store import qc as stored
from middleware.store.audit import AuditEntry
from middleware.store.connection import Connection
from middleware.store.qc_lists import Action, ActionKind

LONGEST_WORDS = 500
_STATUSES = {
    "good": GateInput.EXTERNAL_GOOD,
    "warning": GateInput.EXTERNAL_WARNING,
    "bad": GateInput.EXTERNAL_BAD,
}
POINTS_MOST = 100_000
"""Values of a lot from which a target is learned anew when one is left out."""


@dataclass(frozen=True, slots=True)
class Documented:
    """What was done after a failure. `taken_at`: seconds since 1970 UTC; None: now."""

    cause: str
    action: str
    taken_at: float | None = None


def clear(conn: Connection, ids: Sequence[int], done: Documented, asking: Asking) -> dict[str, Any]:
    """Document the action after a failure. Answers `cleared` (gates) and `messages`. Raises CommandRefused."""
    _check_words({"cause": done.cause, "action": done.action})
    board = _board(conn, asking)
    taken_at = None if done.taken_at is None else utc(done.taken_at)
    words = f"{done.cause}: {done.action}"
    event = Cleared(asking.author, words, utc(asking.now), taken_at)
    for known in _gates(conn, ids):
        _tell(board, known, event)
        _restart(conn, known, taken_at or utc(asking.now))
        kept = (ActionKind.CLEAR, done.cause, done.action, done.taken_at)
        _keep(conn, known, kept, asking)
    return {"cleared": list(ids), "messages": _decide(conn, board, asking)}


def change(conn: Connection, ids: Sequence[int], what: str, asking: Asking) -> dict[str, Any]:
    """Calibration, a new reagent lot or maintenance: results wait for a new run. Answers `changed` (gates)."""
    _check_words({"what": what})
    board = _board(conn, asking)
    for known in _gates(conn, ids):
        _tell(board, known, ConditionsChanged(what, utc(asking.now)))
        _restart(conn, known)
        _keep(conn, known, (ActionKind.CHANGE, asking.reason, what, None), asking)
    return {"changed": list(ids), "messages": _decide(conn, board, asking)}


def external(conn: Connection, place: Place, status: str, asking: Asking) -> dict[str, Any]:
    """Another system says how quality control stands. Answers `gate` and `messages`. Raises CommandRefused."""
    if status not in _STATUSES:
        raise CommandRefused(
            f"{status!r} is no status", what_to_do=f"Write {', '.join(_STATUSES)}."
        )
    board = _board(conn, asking)
    if not board.qc.is_gated(place.line, place.test):
        raise CommandRefused(
            f"the test {place.test} of line {place.line!r} has no gate",
            what_to_do="Declare a [[gate]] with mode external in the file of [qc].",
        )
    known = board.gate_at(place)
    # A number of its own, so that results before and after it can be told apart.
    mark = Mark(order=results.allocate_ids(conn, 1))
    event = ExternalTold(_STATUSES[status], mark, utc(asking.now), asking.reason)
    _tell(board, known, event)
    _keep(conn, known, (ActionKind.STATUS, asking.reason, status, None), asking)
    return {"gate": known.id, "messages": _decide(conn, board, asking)}


def exclude(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Leave control values out of the numbers and of the rules from now on; no gate moves. Answers `excluded`."""
    _check_words({"reason": asking.reason})
    board = _board(conn, asking)
    for number in ids:
        point = stored.point(conn, number)
        if point is None or point["excluded_at"] is not None or point["gate_id"] is None:
            raise CommandRefused(
                f"{number} is no control value that counts",
                what_to_do="`labwire qc show` lists values by number; nothing was changed.",
            )
        stored.exclude(conn, number, (asking.author, asking.reason, asking.now))
        _forget(conn, board, point)
        known = _gates(conn, [point["gate_id"]])[0]
        kept = (ActionKind.EXCLUDE, asking.reason, f"value {number} left out", None)
        _keep(conn, known, kept, asking)
    return {"excluded": list(ids)}


def clear_patients(
    conn: Connection, ids: Sequence[int], done: Documented, asking: Asking
) -> dict[str, Any]:
    """End alarms of statistics over patients' results, which begin anew. Answers `cleared`. Raises CommandRefused."""
    _check_words({"cause": done.cause, "action": done.action})
    for number in ids:
        one = quality_patients.restart(conn, number, asking.now)
        if one is None:
            raise CommandRefused(
                f"there is no alarm {number}",
                what_to_do="`labwire qc patients list` shows them; nothing was changed.",
            )
        detail = {"line": one.line, "module": one.module, "test": one.test_code}
        detail |= {"cause": done.cause, "action": done.action}
        subject = f"statistic {number}"
        entry = AuditEntry(asking.author, "qc.patients_clear", subject, asking.now, detail)
        audit.append(conn, entry)
    return {"cleared": list(ids)}


def seen(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """A person has looked again at released results. Answers `seen` (results). Raises CommandRefused."""
    _check_words({"reason": asking.reason})
    done = qc_lists.end_look_back(conn, ids, asking.author, asking.reason, asking.now)
    missing = sorted(set(ids) - set(done))
    if missing:
        raise CommandRefused(
            f"result {missing[0]} is not on the list",
            what_to_do="`labwire qc lookback` shows it; nothing was changed.",
        )
    detail = {"results": done, "reason": asking.reason}
    subject = f"{len(done)} results"
    audit.append(conn, AuditEntry(asking.author, "qc.seen", subject, asking.now, detail))
    return {"seen": done}


def _board(conn: Connection, asking: Asking) -> Board:
    qc = asking.setup.qc
    if qc is None:
        raise CommandRefused(
            "the settings in force have no quality control",
            what_to_do="Name its file in [qc] and start the node anew.",
        )
    return Board(conn, qc, asking.now, list(asking.setup.lines))


def _gates(conn: Connection, ids: Sequence[int]) -> list[Known]:
    found = []
    for number in ids:
        gate = stored.gate(conn, number)
        if gate is None:
            raise CommandRefused(
                f"there is no gate {number}", what_to_do="`labwire qc list` shows their numbers."
            )
        found.append(as_known(gate))
    return found


def _tell(board: Board, known: Known, event: Event) -> None:
    refused = board.tell(known, event)
    if refused:
        raise CommandRefused(
            f"gate {known.id} ({known.place.test}): {'; '.join(refused)}",
            what_to_do="`labwire qc show` says how it stands; nothing was changed.",
        )


def _restart(conn: Connection, known: Known, after: datetime | None = None) -> None:
    """Values before the action say nothing of the time after it."""
    kept = stored.series(conn, known.id)
    if kept.text:
        series = restarted(SERIES.validate_json(kept.text), after)
        stored.keep_series(
            conn, known.id, stored.Series(SERIES.dump_json(series).decode(), kept.lots)
        )


def _keep(
    conn: Connection,
    known: Known,
    what: tuple[ActionKind, str, str, float | None],
    asking: Asking,
) -> None:
    """Into the list of actions and the audit trail; `what`: kind, cause, action, when it was taken."""
    kind, cause, action, taken_at = what
    newest = qc_lists.newest_result(conn)
    one = Action(kind, asking.author, cause, action, asking.now, newest, taken_at)
    qc_lists.add_action(conn, known.id, one)
    detail = {
        "gate": known.id,
        "line": known.place.line,
        "test": known.place.test,
        "cause": cause,
        "action": action,
    }
    entry = AuditEntry(asking.author, f"qc.{kind.value}", f"gate {known.id}", asking.now, detail)
    audit.append(conn, entry)


def _decide(conn: Connection, board: Board, asking: Asking) -> list[int]:
    judge = Judge(asking.setup, suspensions.in_force(conn), asking.now)
    outgoing = decide_waiting(conn, board, asking.setup, judge, asking.now)
    return enqueue(conn, outgoing, asking.setup, asking.now)


def _forget(conn: Connection, board: Board, point: Mapping[str, Any]) -> None:
    """Rules and the learned target go on as if the value had not come."""
    gate_id, lot, level = point["gate_id"], point["lot"], point["level"]
    kept = stored.series(conn, gate_id)
    if kept.text:
        series = without_value(SERIES.validate_json(kept.text), point["result_id"])
        changed = stored.Series(SERIES.dump_json(series).decode(), kept.lots)
        stored.keep_series(conn, gate_id, changed)
    place = Place(
        line=point["line"],
        analyzer=point["analyzer"],
        module=point["module"],
        test=point["test_code"],
    )
    zone = board.qc.zone(place.line)
    day = utc(point["measured_at"]).astimezone(zone).date()
    control = board.qc.find(place, lot, level, day).control
    if control is None or not isinstance(control.target, LearnedTarget):
        return
    learned = Learned()
    for one in stored.points(conn, gate_id, level=level, lot=lot, limit=POINTS_MOST):
        number = decimal_of(one["value"])
        if number is not None and one["is_learned"] and one["excluded_at"] is None:
            on = utc(one["measured_at"]).astimezone(zone).date()
            learned = learn(learned, control.target, number, on)
    stored.keep_learned(conn, gate_id, (lot, level), LEARNED.dump_json(learned).decode())


def _check_words(words: Mapping[str, str]) -> None:
    for name, text in words.items():
        if not 0 < len(text.strip()) <= LONGEST_WORDS:
            raise CommandRefused(
                f"`{name}` must be said, in at most {LONGEST_WORDS} letters",
                what_to_do=f"Write it with --{name}.",
            )
