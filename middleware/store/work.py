"""Work for analyzers: what is open for a sample id, given to one line, taken, freed, refused and cancelled.

A step is claimed by the first line that is given it, in a commit before the answer leaves; so a cancel that was
committed earlier can never be overtaken, and one that comes later is told that it is too late. The same line may ask
again and gets what it was given again, as long as there is no result. What a line says of a step that is another
line's by now changes nothing. Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, select, update

from middleware.model import (
    Identifier,
    Patient,
    SpecimenWork,
    StepState,
    ToTell,
)
from middleware.store import pending, sightings, specimen_lookup, specimens, steps
from middleware.store.binding import Reported as Reported
from middleware.store.binding import note_results as note_results
from middleware.store.open_steps import OpenStep, open_steps
from middleware.store.order_schema import OPEN_STEPS
from middleware.store.rows import execute_many
from middleware.store.schema import WORK_ORDER_STEPS
from middleware.store.specimen_lookup import Place, Tube
from middleware.store.steps import Change, Move
from middleware.store.wanted import MOST_SPECIMENS as MOST_SPECIMENS
from middleware.store.wanted import Claimer as Claimer
from middleware.store.wanted import CodeFor as CodeFor
from middleware.store.wanted import Wanted as Wanted

_AT_ANY_TIME = 1e18  # seconds since 1970: whatever a step's next download is, a query gets it now
_MAY_BE_GIVEN = (StepState.PENDING, StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)
_UNTIL_GIVEN = (StepState.CLAIMED, StepState.PENDING)
_KNOWN = (StepState.SENT, StepState.IN_PROCESS)
_UNDER_WAY = (StepState.CLAIMED, *_KNOWN)
_DOUBTFUL, _MOST_LOOKED_AT = 20, 1000
_ASKED = "the analyzer asked for it"
RESULTS_FIRST_S = 5.0
"""After a restart: so long analyzers may send the results of work that was on its way to them."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A tube, what the line's analyzer calls it, and where it said that it stands (empty: it did not)."""

    tube: Tube
    called: str
    carrier: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Giving:
    """How work is given: `reason` is the history's; `is_again`: also what the line has already; `by_urgency`: in that
    order, else in the order of the tubes; at most `most` tubes, and only steps whose next download is due at `due_at`.
    """

    now: float
    reason: str = _ASKED
    is_again: bool = True
    by_urgency: bool = False
    most: int | None = None
    due_at: float = _AT_ANY_TIME


def claim(conn: Connection, wanted: Wanted, claimer: Claimer, now: float) -> list[SpecimenWork]:
    """Give a line the open steps that it may do; they are its own from now on.

    Tubes that are named come in the order asked; of ranges and of everything the urgent and then the oldest come first,
    at most MOST_SPECIMENS. What names no tube in use, or could name several, gets nothing.
    """
    if not wanted.is_for_all and not wanted.ranges:
        return give(conn, _asked(conn, wanted, claimer, now), claimer, Giving(now))
    how = Giving(now, by_urgency=True, most=MOST_SPECIMENS)
    if wanted.is_for_all:
        return give(conn, _all(conn, claimer), claimer, how)
    ids = [
        one
        for first, last in wanted.ranges
        for one in specimen_lookup.ids_in_range(
            conn, claimer.ordered_id(first), claimer.ordered_id(last)
        )
    ]
    namings = {one.tube.id: one for one in _labelled(conn, ids, claimer)}
    namings |= {one.tube.id: one for one in _asked(conn, wanted, claimer, now)}
    return give(conn, list(namings.values()), claimer, how)


def give(
    conn: Connection, namings: Sequence[Naming], claimer: Claimer, how: Giving
) -> list[SpecimenWork]:
    """Claim what the line may be given of these tubes, for a query or a download."""
    usable = [one for one in namings if claimer.before_arrival or one.tube.arrived_at is not None]
    found = open_steps(conn, [one.tube.id for one in usable])
    chosen = [
        (one, mine)
        for one in usable
        if (mine := _mine(found.get(one.tube.id, ()), one.tube, claimer, how))
    ]
    if how.by_urgency:
        chosen.sort(key=lambda one: min(_place(row) for row, _ in one[1]))
    given = []
    _take(conn, [one for _, mine in chosen[: how.most] for one in mine], claimer.line, how)
    for naming, mine in chosen[: how.most]:
        is_known = any(
            one.line == claimer.line and one.state in _KNOWN for one in found[naming.tube.id]
        )
        given.append(_work(naming, mine, claimer.line, is_known=is_known))
    return given


def _mine(
    rows: Sequence[OpenStep], tube: Tube, claimer: Claimer, how: Giving
) -> list[tuple[OpenStep, str]]:
    """The steps of one tube that the line is given, each with the analyzer's code.

    Of a test that was ordered twice one at a time: no analyzer is told the same twice in a message, and while one
    measures it no other is given it.
    """
    under_way = {row.lis_code for row in rows if row.state in _UNDER_WAY}
    found = [
        (row, code)
        for row in rows
        if (
            row.state == StepState.PENDING
            and row.only_line in (None, claimer.line)
            and (row.try_at is None or row.try_at <= how.due_at)
            and row.lis_code not in under_way
        )
        or (how.is_again and row.line == claimer.line and row.to_tell != ToTell.CANCEL)
        if (code := claimer.code_for(row.lis_code, tube.specimen_type or "")) is not None
    ]
    once = {code: row for row, code in reversed(found)}
    return found if len(once) == len(found) else [(row, code) for code, row in once.items()][::-1]


def _place(row: OpenStep) -> tuple[bool, int, int]:
    """What nobody has goes before what the line has already."""
    return (row.state != StepState.PENDING, row.urgency, row.id)


def _asked(conn: Connection, wanted: Wanted, claimer: Claimer, now: float) -> list[Naming]:
    """The tubes that a query names by id, or by place alone; the store learns where they were seen."""
    place = Place(claimer.line, wanted.carrier, wanted.position)
    if not wanted.sample_ids:
        if wanted.ranges:
            return []
        if place.carrier and not place.position:  # a whole rack
            rack = specimen_lookup.on_carrier(conn, place.carrier, claimer.order_source, now)
            return [Naming(one, claimer.labelled_id(one.sample_id)) for one in rack]
        tube = specimen_lookup.at_place(conn, place, claimer.order_source, now)
        called = "" if tube is None else claimer.labelled_id(tube.sample_id)
        return [] if tube is None else [Naming(tube, called, wanted.carrier, wanted.position)]
    asked: dict[str, str] = {}
    for one in wanted.sample_ids:
        asked.setdefault(claimer.ordered_id(one), one)
    asked.pop("", None)
    tubes = specimen_lookup.named(conn, list(asked), claimer.order_source)
    if len(wanted.sample_ids) > 1:
        place = Place(claimer.line, "", "")
    specimens.note_place(conn, [one.id for one in tubes.values()], place, now)
    sightings.note(conn, [one for one in asked if one not in tubes], place, now)
    return [
        Naming(tube, asked[ordered], place.carrier, place.position)
        for ordered, tube in tubes.items()
    ]


def _all(conn: Connection, claimer: Claimer) -> list[Naming]:
    """Tubes with something that nobody has; where the first ones are doubtful, more are looked at."""
    namings: list[Naming] = []
    for limit in (MOST_SPECIMENS + _DOUBTFUL, _MOST_LOOKED_AT):
        ids = pending.sample_ids(conn, claimer, _AT_ANY_TIME, limit)
        namings = _labelled(conn, ids, claimer)
        if len(namings) >= MOST_SPECIMENS or len(ids) < limit:
            break
    return namings


def _labelled(conn: Connection, ids: Sequence[str], claimer: Claimer) -> list[Naming]:
    """Tubes that the analyzer did not name, under the ids that it will read on them."""
    tubes = specimen_lookup.named(conn, list(dict.fromkeys(ids)), claimer.order_source)
    return [Naming(one, claimer.labelled_id(one.sample_id)) for one in tubes.values()]


# -- what became of it ----------------------------------------------------------------------------


def mark_sent(conn: Connection, ids: Sequence[int], line: str, now: float) -> list[int]:
    """The analyzer took the message that carries these steps; answers those that were not sent before.

    Steps that it had already count as sent now: the time to their result begins again. One that a person cancelled
    meanwhile stays cancelled, and was sent.
    """
    change = Change(line, now, "the analyzer took the order", owner=line)
    columns = {"line": line, "sent_at": now, "tries": None, "try_at": None}
    moved = steps.move(conn, ids, StepState.SENT, _UNTIL_GIVEN, change, **columns)
    done = set(moved)
    again = [one for one in ids if one not in done]
    if again:
        is_its_own = WORK_ORDER_STEPS.c.line == line
        has = (StepState.SENT, StepState.IN_PROCESS, StepState.CANCELLED)
        at_it = WORK_ORDER_STEPS.c.state.in_([one.value for one in has])
        conn.execute(
            update(WORK_ORDER_STEPS)
            .where(WORK_ORDER_STEPS.c.id.in_(again), is_its_own, at_it)
            .values(sent_at=now)
        )
    return moved


def free(conn: Connection, ids: Sequence[int], line: str, reason: str, now: float) -> list[int]:
    """The analyzer did not take them: they are open for whoever asks next. Steps sent earlier stay sent."""
    change = Change(line, now, reason, owner=line)
    before = (StepState.CLAIMED,)
    freed = steps.move(conn, ids, StepState.PENDING, before, change, line=None)
    done = set(freed)
    left = [one for one in ids if one not in done]
    steps.forget_untold(conn, left, line)
    return freed


_PUT_OFF = (
    update(WORK_ORDER_STEPS)
    .where(WORK_ORDER_STEPS.c.id == bindparam("b_id"))
    .values(try_at=bindparam("b_at"))
)


def free_all(conn: Connection, author: str, now: float) -> list[int]:
    """Nothing is under way (the node starts): what was claimed is open again, for queries at once.

    The analyzer may have it and be done: what it sent is read before the same is sent to it once more.
    """
    claimed = select(WORK_ORDER_STEPS.c.id).where(
        OPEN_STEPS,
        WORK_ORDER_STEPS.c.state == StepState.CLAIMED.value,
    )
    ids = [int(one) for one in conn.execute(claimed).scalars()]
    change = Change(author, now, "the node was restarted while it was being sent")
    freed = steps.move(conn, ids, StepState.PENDING, (StepState.CLAIMED,), change, line=None)
    rows = [{"b_id": one, "b_at": now + RESULTS_FIRST_S} for one in freed]
    execute_many(conn, _PUT_OFF, rows)
    return freed


def refuse(conn: Connection, ids: Sequence[int], line: str, reason: str, now: float) -> list[int]:
    """The analyzer said that it will not do these steps; a person decides. Answers those refused.

    Steps that it took before stay sent: an analyzer refuses a copy of what it has (IHE LAW: a number that it knows).
    """
    change = Change(line, now, reason, owner=line)
    refused = steps.move(conn, ids, StepState.REFUSED, (StepState.CLAIMED,), change, line=line)
    done = set(refused)
    left = [one for one in ids if one not in done]
    again = Change(line, now, f"the analyzer has it, and said of the same again: {reason}")
    steps.note(conn, sorted(steps.given_to(conn, left, {line})), StepState.SENT, again)
    return refused


def cancel(
    conn: Connection,
    ids: Sequence[int],
    change: Change,
    tellable: Collection[str] = frozenset(),
) -> list[int]:
    """A person cancels steps that have no result, also those that an analyzer has.

    Analyzers of the lines `tellable` are to be told so.
    """
    before = (*_MAY_BE_GIVEN, StepState.REFUSED, StepState.EXPIRED)
    given = steps.given_to(conn, ids, tellable)
    cancelled = steps.move(conn, ids, StepState.CANCELLED, before, change)
    gone = set(cancelled)
    steps.let_tell(conn, [one for one in given if one in gone], ToTell.CANCEL)
    steps.told(conn, [one for one in cancelled if one not in given])
    return cancelled


def offer_again(conn: Connection, ids: Sequence[int], change: Change) -> list[int]:
    """A person lets any line have steps that an analyzer took or refused, or that expired."""
    before = (StepState.SENT, StepState.IN_PROCESS, StepState.REFUSED, StepState.EXPIRED)
    columns = {**steps.UNTOUCHED, "created_at": change.at}
    return steps.move(conn, ids, StepState.PENDING, before, change, **columns)


def _take(conn: Connection, mine: Sequence[tuple[OpenStep, str]], line: str, how: Giving) -> None:
    moves = [
        Move(row.id, StepState.CLAIMED, line, code, None, how.reason)
        for row, code in mine
        if row.state == StepState.PENDING
    ]
    steps.move_each(conn, moves, line, how.now)


def _work(
    naming: Naming, mine: Sequence[tuple[OpenStep, str]], line: str, *, is_known: bool
) -> SpecimenWork:
    tube = naming.tube
    carrier, position = naming.carrier, naming.position
    if not carrier and not position:
        carrier, position = _known_place(tube, line)
    collected = tube.collected_at
    return SpecimenWork(
        sample_id=naming.called,
        specimen_type=tube.specimen_type or "",
        collected_at=None if collected is None else datetime.fromtimestamp(collected, UTC),
        patient=_patient(tube),
        steps=tuple([row.as_work(code) for row, code in mine]),
        carrier=carrier,
        position=position,
        is_known=is_known,
    )


def _known_place(tube: Tube, line: str) -> tuple[str, str]:
    """Where this line saw the tube, else where the LIS put it."""
    if tube.seen_line == line and tube.placed_at is not None:
        return tube.seen_carrier or "", tube.seen_position or ""
    return tube.put_carrier or "", tube.put_position or ""


def _patient(tube: Tube) -> Patient | None:
    ids: tuple[Identifier, ...] = ()
    if tube.patient_id:
        ids = (Identifier(id=tube.patient_id, authority=tube.patient_authority or ""),)
    patient = Patient(
        identifiers=ids,
        name=tube.patient_name or "",
        birth_date=tube.birth_date or "",
        sex=tube.sex or "",
    )
    return None if patient == Patient() else patient
