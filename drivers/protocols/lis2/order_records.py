"""Writes the records of one specimen's work, place by place as the profile's `[order]` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from middleware.driver.api import AnswerContext
from middleware.driver.order_section import PRIORITY_CODES, OrderField, OrderSection, OrderValue
from middleware.driver.order_section import TestsAs as Portions
from middleware.driver.speak import Part, written_field
from middleware.errors import DriverError
from middleware.model import Patient, SpecimenWork, WorkOrderStep
from middleware.wire.lis2 import Path, Record
from middleware.wire.lis2.build import Raw, build_record
from middleware.wire.lis2.delimiters import Delimiters, escape

NO_STEP = WorkOrderStep(id=0, test_code="", lis_code="")
_OF_A_TEST = (OrderValue.TEST_CODE, OrderValue.DILUTION)
# What serves people only may be cut; whatever identifies may not.
_MAY_BE_CUT = (OrderValue.PATIENT_NAME,)


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """One specimen of an answer: what is to be done on it, and where the query names it (record, repeat)."""

    work: SpecimenWork
    asked_at: tuple[Record, int] | None


NOBODY = OrderGroup(SpecimenWork(sample_id="", steps=()), None)


class OrderTexts:
    """I know what stands where in the records of an order."""

    def __init__(self, section: OrderSection) -> None:
        self._section = section
        self._places = {Path.parse(path): place for path, place in section.fields.items()}
        self._test_fields = {
            path.field
            for path, place in self._places.items()
            if path.letter == "O" and place.value is OrderValue.TEST_CODE
        }
        self._writes_dilution = any(
            place.value is OrderValue.DILUTION for place in self._places.values()
        )

    def writable(self, work: SpecimenWork) -> SpecimenWork:
        """Without the steps that ask for a dilution, where the analyzer cannot be told of it."""
        if self._writes_dilution or not any(step.dilution for step in work.steps):
            return work
        kept = tuple([step for step in work.steps if not step.dilution])
        return work.model_copy(update={"steps": kept})

    def portions(self, steps: Sequence[WorkOrderStep]) -> list[Sequence[WorkOrderStep]]:
        """The steps of each order record."""
        if self._section.tests is Portions.RECORDS and steps:
            return [(step,) for step in steps]
        marked = next((one for one in self._places.values() if one.once_up_to), None)
        if marked is None:
            return [steps]
        alike: dict[str, list[WorkOrderStep]] = {}
        for step in steps:
            beginning, mark, _ = _code(marked, step).partition(marked.once_up_to or "")
            alike.setdefault(beginning if mark else "", []).append(step)
        return [*alike.values()] or [steps]

    def texts(
        self,
        letter: str,
        group: OrderGroup,
        steps: Sequence[WorkOrderStep],
        context: AnswerContext,
    ) -> dict[Path, str]:
        """The text of each place of one record; what belongs to a test once for each test, as repeats."""
        texts: dict[Path, str] = {}
        for path, place in self._places.items():
            if path.letter != letter:
                continue
            if self._is_of_a_test(path, place):
                texts.update(self._of_each_test(path, place, group, (steps, context)))
            else:
                step = steps[0] if steps else NO_STEP
                texts[path] = text_of(place, group, step, context)
        return texts

    def _is_of_a_test(self, path: Path, place: OrderField) -> bool:
        beside_a_code = path.field in self._test_fields and path.component and not path.repeat
        return place.value in _OF_A_TEST or bool(beside_a_code and place.text is not None)

    def _of_each_test(
        self,
        path: Path,
        place: OrderField,
        group: OrderGroup,
        of: tuple[Sequence[WorkOrderStep], AnswerContext],
    ) -> dict[Path, str]:
        steps, context = of
        texts: dict[Path, str] = {}
        for repeat, step in enumerate(steps, start=1):
            text, component = text_of(place, group, step, context), path.component
            if place.once_up_to and repeat > 1:
                beginning, mark, rest = text.partition(place.once_up_to)
                text, component = (rest, 1) if mark else (beginning, component)
            texts[Path(path.letter, path.field, path.repeat or repeat, component)] = text
        return texts


def text_of(
    place: OrderField, group: OrderGroup, step: WorkOrderStep, context: AnswerContext
) -> str:
    """What is written at one place. Raises DriverError for a text that is too long for the analyzer."""
    if place.text is not None:
        return place.text
    text = _asked_text(place.query, group.asked_at) if place.query is not None else ""
    if not text and place.value is not None:
        text = _VALUES[place.value](group.work, step, context)
    if place.value is OrderValue.PRIORITY and not place.table:
        text = PRIORITY_CODES.get(text, text)
    if place.up_to is not None:
        text = text.partition(place.up_to)[0]
    return _fitted(place, place.table.get(text, text))


def _code(place: OrderField, step: WorkOrderStep) -> str:
    return place.table.get(step.test_code, step.test_code)


def _fitted(place: OrderField, text: str) -> str:
    if place.longest is None or len(text) <= place.longest:
        return text
    if place.value in _MAY_BE_CUT:
        return text[: place.longest]
    what = place.value.value.replace("_", " ") if place.value is not None else "text"
    raise DriverError(
        f"a {what} of {len(text)} characters is too long; the analyzer takes {place.longest}",
        what_to_do="Order it at the analyzer by hand, or give it a shorter number or code.",
    )


def _asked_text(path_text: str, asked_at: tuple[Record, int] | None) -> str:
    """What the query said, of the repeat that names the specimen."""
    if asked_at is None:
        return ""
    record, repeat = asked_at
    path = Path.parse(path_text)
    if path.component and not path.repeat:
        path = Path(path.letter, path.field, repeat, path.component)
    return path.of(record)


def _known(name: str, encoding: str) -> str:
    """A name serves people: letters that the analyzer does not have become `?`."""
    return name.encode(encoding, "replace").decode(encoding)


def moment_text(at: datetime | None, zone: ZoneInfo) -> str:
    """A time as LIS02-A2 5.6.2 writes it; '' for none."""
    return "" if at is None else at.astimezone(zone).strftime("%Y%m%d%H%M%S")


def _patient(work: SpecimenWork) -> Patient:
    return work.patient or _NOT_SAID


def _first_id(work: SpecimenWork) -> str:
    ids = _patient(work).identifiers
    return ids[0].id if ids else ""


_NOT_SAID = Patient()
_VALUES: Mapping[OrderValue, Callable[[SpecimenWork, WorkOrderStep, AnswerContext], str]] = {
    OrderValue.SAMPLE_ID: lambda work, _step, _at: work.sample_id,
    OrderValue.TEST_CODE: lambda _work, step, _at: step.test_code,
    OrderValue.PRIORITY: lambda _work, step, _at: step.priority.value if step.id else "",
    OrderValue.PLACER_NUMBER: lambda _work, step, _at: step.placer_number,
    OrderValue.SPECIMEN_TYPE: lambda work, _step, _at: work.specimen_type,
    OrderValue.PATIENT_ID: lambda work, _step, _at: _first_id(work),
    OrderValue.PATIENT_NAME: lambda work, _step, at: _known(_patient(work).name, at.encoding),
    OrderValue.BIRTH_DATE: lambda work, _step, _at: _patient(work).birth_date,
    OrderValue.SEX: lambda work, _step, _at: _patient(work).sex,
    OrderValue.COLLECTED_AT: lambda work, _step, at: moment_text(
        work.collected_at, ZoneInfo(at.time_zone)
    ),
    OrderValue.NOW: lambda _work, _step, at: moment_text(at.now, ZoneInfo(at.time_zone)),
    OrderValue.DILUTION: lambda _work, step, _at: step.dilution,
    OrderValue.CARRIER: lambda work, _step, _at: work.carrier,
    OrderValue.POSITION: lambda work, _step, _at: work.position,
    OrderValue.MESSAGE_ID: lambda _work, _step, at: at.control_id,
}


def record_of(letter: str, number: int, texts: Mapping[Path, str], marks: Delimiters) -> str:
    """A record from the texts of its places."""
    fields: dict[int, dict[Part, str]] = {}
    for path, text in texts.items():
        if text:
            whole = text if path.component else text.replace("^", marks.component)
            fields.setdefault(path.field, {})[path.repeat or 0, path.component or 0, 0] = whole
    between = (marks.repeat, marks.component, "")
    written = {
        at: Raw(written_field(parts, between, lambda text: escape(text, marks)))
        for at, parts in fields.items()
    }
    return build_record(letter, {2: Raw(str(number)), **written}, marks)


def text_bytes(records: Sequence[str], encoding: str) -> bytes:
    """The records as they are sent. Raises DriverError for a letter that the line's encoding does not have."""
    try:
        return "".join([record + "\r" for record in records]).encode(encoding)
    except UnicodeEncodeError as error:
        raise DriverError(
            f"{encoding} has no letter {error.object[error.start]!r}",
            what_to_do="Set an encoding for the line that has all letters of sample ids and test codes.",
        ) from error
