"""Results that people type because no analyzer can send them: kept as evidence, reviewed, and never released alone.

What another person types alike confirms the first; what the analyzer sends alike afterwards repeats it. Re-runnable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from middleware.driver.units import UCUM
from middleware.model import (
    Comment,
    Envelope,
    Finding,
    MessageKind,
    ReleaseMode,
    ReleaseState,
    Result,
    ResultValue,
    SourcePointer,
    Specimen,
    VerdictKind,
)
from middleware.pipeline import release
from middleware.pipeline.anew import findings_of
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.decision import Judge
from middleware.pipeline.edit import same_person
from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import process
from middleware.pipeline.same_use import of_same_use
from middleware.pipeline.typed import Typed, value_of
from middleware.review.manual import CHECK, LINE
from middleware.review.times import DAY_S
from middleware.store import journal, results
from middleware.store.connection import Connection
from middleware.store.journal import JournalEntry, StoredEntry

LONGEST_REMARK = 200
LONGEST_ID = 64
_NOTHING_ELSE = frozenset({CHECK, "release_mode"})


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person typed: of which tube, which test (the analyzer's code, or the LIS's) instead of which line's
    analyzer (empty: the only line). `method`: how it was measured, in words."""

    sample_id: str
    test: str
    typed: Typed
    line: str = ""
    method: str = ""


def enter(conn: Connection, entered: Entered, asking: Asking) -> dict[str, Any]:
    """Keep a typed result. Answers `entered` (its id, held), or `confirmed` with `messages` when another person had
    typed the same. Raises CommandRefused; then nothing is changed.
    """
    line = _line(entered.line, asking)
    said = _check(entered, asking)
    unit = (entered.typed.unit or "").strip()
    value = value_of(entered.typed, unit, line, asking.setup)
    test = _test(entered.test.strip(), line, asking)
    entry = _journaled(conn, {**said, "line": line, "test": test, "unit": unit}, asking)
    waiting = _waiting(conn, (entered.sample_id.strip(), test, line), asking)
    if waiting is not None:
        return _confirm(conn, waiting, (value, unit), asking)
    result = Result(
        specimen=Specimen(sample_id=entered.sample_id.strip()),
        test_code=test,
        value=value,
        unit=unit,
        unit_ucum=UCUM.get(unit, ""),
        is_manual=True,
        operator=asking.author,
        comments=(Comment(text=_remark(said, asking), source="L", kind="RE"),),
        source=SourcePointer(record=1, name="JSON"),
    )
    return {"entered": _store(conn, result, (entry, line), asking)}


def _store(
    conn: Connection, result: Result, where: tuple[JournalEntry, str], asking: Asking
) -> int:
    entry, line = where
    entry_id = journal.append(conn, entry)
    stored = StoredEntry(
        entry_id, line, "", MessageKind.RESULT, entry.received_at, entry.text, (), 0
    )
    envelope = Envelope(analyzer=LINE, results=(result,))
    prepared = Preparation(asking.setup).prepare(Decoded(stored, envelope))
    prepared.mode = ReleaseMode.HOLD_ALL
    judge = Judge(asking.setup)
    for one in prepared.results:
        one.findings = (*one.findings, _finding(asking.author))
        one.destinations, columns = judge.decide(one.row, one.findings, one.role, prepared.mode)
        one.row |= {**columns, "manual_source": asking.author}
    process(conn, [prepared], asking.setup, asking.now)
    (row,) = results.listing(conn, results.ResultFilter(journal_id=entry_id))
    return int(row["id"])


def _journaled(conn: Connection, said: Mapping[str, Any], asking: Asking) -> JournalEntry:
    """The evidence: what was typed, as a JSON document."""
    document = {"labwire": 1, "kind": "manual_result", **said, "author": asking.author}
    text = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
    return JournalEntry(LINE, "", MessageKind.RESULT, asking.now, text, text)


def _confirm(
    conn: Connection, row: Mapping[str, Any], typed: tuple[ResultValue, str], asking: Asking
) -> dict[str, Any]:
    if same_person(row["manual_source"], asking.author):
        raise CommandRefused(
            f"you typed that already: result {row['id']} waits for another person",
            what_to_do="Ask a colleague to type it too, or to release it.",
        )
    value, unit = typed
    is_same = (row["comparator"] or "", row["value_text"] or "", row["unit"]) == (
        value.comparator,
        value.text,
        unit,
    )
    number = None if row["value_number"] is None else Decimal(row["value_number"])
    if not is_same or number != value.number:
        raise CommandRefused(
            f"{row['manual_source']} typed another value: result {row['id']}, which waits",
            what_to_do="Compare both with the paper; reject that result if it is the wrong one.",
        )
    for one in findings_of(row):
        if one.check not in _NOTHING_ELSE:
            raise CommandRefused(
                f"you typed the same as {row['manual_source']}, but result {row['id']} is held: {one.text}",
                what_to_do=f"Look at it; then `labwire results release {row['id']}`.",
            )
    answer = release.release(conn, [row["id"]], asking)
    return {"confirmed": row["id"], "messages": answer["messages"]}


def _waiting(
    conn: Connection, typed_for: tuple[str, str, str], asking: Asking
) -> dict[str, Any] | None:
    """The typed result of this sample id, test and line that waits for another person; not one that was typed when the
    id was another tube's."""
    sample_id, test, line = typed_for
    since = asking.now - asking.setup.node.orders_keep_days * DAY_S
    runs = [
        run
        for run in results.runs_of_samples(conn, [sample_id]).get(sample_id, [])
        if (run.release_state, run.test_code, run.line) == (ReleaseState.HELD, test, line)
        and run.received_at >= since
    ]
    order_source = next((run.order_source for run in runs), None)
    now_typed = {"sample_id": sample_id, "order_source": order_source, "measured_at": None}
    held = [run.result_id for run in of_same_use(conn, now_typed, runs, {})]
    typed = [row for row in results.by_ids(conn, held) if row["manual_source"]]
    return next((row for row in typed if row["edit_of"] is None), None)


def _line(named: str, asking: Asking) -> str:
    lines = asking.setup.lines
    line = named or (next(iter(lines)) if len(lines) == 1 else "")
    if line not in lines:
        raise CommandRefused(
            f"there is no line {named!r}" if named else "several analyzers could have measured it",
            what_to_do=f"Name with --line whose place it takes: {', '.join(lines)}.",
        )
    if not lines[line].orders.names_tubes:
        raise CommandRefused(
            f"the sample ids of the line {line} name patients, not tubes",
            what_to_do="Enter the result in the LIS.",
        )
    return line


def _test(named: str, line: str, asking: Asking) -> str:
    """The analyzer's code: of a table of codes also found by the LIS's."""
    table = asking.setup.codes.get(line)
    if table is None or any(row.test_code == named for row in table.table.rows):
        return named
    found = table.code_for(named, "")
    if found is None:
        raise CommandRefused(
            f"the table of codes of the line {line} has no test {named!r}",
            what_to_do="Write the analyzer's code or the LIS's, as the table has it.",
        )
    return found


def _check(entered: Entered, asking: Asking) -> dict[str, str]:
    """The texts without blanks around them. Raises CommandRefused."""
    said = {
        "sample_id": entered.sample_id.strip(),
        "test_as_typed": entered.test.strip(),
        "value": entered.typed.value.strip(),
        "method": entered.method.strip(),
        "reason": asking.reason.strip(),
    }
    for name in ("sample_id", "test_as_typed"):
        if not 0 < len(said[name]) <= LONGEST_ID or not said[name].isprintable():
            raise CommandRefused(
                f"{name.replace('_', ' ')} has 1 to {LONGEST_ID} printable letters",
                what_to_do="Type it again.",
            )
    is_short = all(len(said[name]) <= LONGEST_REMARK for name in ("method", "reason"))
    if not said["reason"] or not is_short:
        raise CommandRefused(
            "a typed result needs a reason",
            what_to_do=f"Say with --reason why no analyzer sends it, in {LONGEST_REMARK} letters.",
        )
    return said


def _remark(said: Mapping[str, str], asking: Asking) -> str:
    method = f" Method: {said['method']}." if said["method"] else ""
    return f"Entered by hand by {asking.author}.{method} Reason: {' '.join(said['reason'].split())}"


def _finding(author: str) -> Finding:
    return Finding(
        check=CHECK,
        code="entered_by_hand",
        verdict=VerdictKind.HOLD,
        text=f"{author} typed this result. Another person compares it and releases it, or types it too.",
    )
