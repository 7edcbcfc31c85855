"""Answers host queries with work: H, then P and O for each specimen, and L, as the profile's `[order]` says.

Delimiters are those of the query. What is asked about comes back in the order asked; for a specimen without work
stands what this analyzer is told then. Only what the profile names is written of a patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.protocols.lis2.driver import Lis2Driver
from drivers.protocols.lis2.paths import check_paths
from middleware.driver.api import AnswerContext, DecodeContext, EncodedAnswer
from middleware.driver.order_section import (
    PRIORITY_CODES,
    MessagesAs,
    Negative,
    OrderField,
    OrderSection,
    OrderValue,
    TestsAs,
)
from middleware.driver.profile import Profile
from middleware.driver.speak import Part, written_field
from middleware.errors import DriverError
from middleware.model import Patient, SpecimenWork, WorkOrderStep
from middleware.wire.lis2 import Message, Path, Record
from middleware.wire.lis2.build import Raw, build_record
from middleware.wire.lis2.delimiters import Delimiters, escape

OUR_NAME = "LABWIRE"
_SENDER, _RECEIVER, _PROCESSING, _VERSION, _SENT_AT = 5, 10, 12, 13, 14  # LIS02-A2 clause 6
_ACTION, _REPORT = Path.parse("O-12"), Path.parse("O-26")
_OF_NEGATIVE = {
    Negative.NO_ORDER: {_ACTION: "C", _REPORT: "Y"},
    Negative.UNKNOWN_SPECIMEN: {_REPORT: "Z"},
    Negative.NO_TESTS: {},
}
_WITHOUT_WORK = "I"
_NO_STEP = WorkOrderStep(id=0, test_code="", lis_code="")


@dataclass(frozen=True, slots=True)
class _Group:
    """One specimen of an answer: what is to be done on it, and where the query names it (record, repeat)."""

    work: SpecimenWork
    asked_at: tuple[Record, int] | None


_NOBODY = _Group(SpecimenWork(sample_id="", steps=()), None)


class OrderingLis2Driver(Lis2Driver):
    """The driver of an analyzer that asks for work (`middleware.driver.api.OrderingDriver`)."""

    def __init__(self, profile: Profile, section: OrderSection) -> None:
        super().__init__(profile)
        check_paths("order", section.fields, "HPO")
        queried = [one.query for one in section.fields.values() if one.query is not None]
        check_paths("order", queried, "Q")
        self._section = section
        self._places = {Path.parse(path): place for path, place in section.fields.items()}

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """That there is no work for anything asked (`middleware.driver.api.AnsweringDriver`)."""
        return tuple([one.text for one in self.answers(text, (), context)])

    def answers(
        self, text: bytes, work: Sequence[SpecimenWork], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        """The messages which give the analyzer `work`, and say where there is none.

        Raises DriverError for a query that cannot be read, and for work that cannot be written.
        """
        decoding = DecodeContext(context.time_zone, context.encoding)
        message = self._parse(text, decoding)
        queries = self.decode(text, decoding).queries
        if not queries or all(one.is_cancel for one in queries):
            return ()
        groups = self._groups(message, [one for query in queries for one in query.sample_ids], work)
        if self._section.messages is MessagesAs.EACH and len(groups) > 1:
            return tuple(
                [one for group in groups for one in self._message(message, [group], context)]
            )
        return self._message(message, groups, context)

    # -- inside -----------------------------------------------------------------------------------

    def _groups(
        self, message: Message, asked: Sequence[str], work: Sequence[SpecimenWork]
    ) -> list[_Group]:
        """Those asked about, in that order; then what a query for everything brought."""
        found = {one.sample_id: one for one in work}
        ids = list(dict.fromkeys((*asked, *found)))
        places = self._places_of(message)
        return [
            _Group(found.get(one) or SpecimenWork(sample_id=one, steps=()), places.get(one))
            for one in ids
        ]

    def _places_of(self, message: Message) -> dict[str, tuple[Record, int]]:
        """Where the query names each sample id."""
        section = self.profile.query
        paths = [Path.parse(path) for path in section.sample_id.paths] if section else []
        found: dict[str, tuple[Record, int]] = {}
        for record in message.queries:
            columns = [path.each(record) for path in paths]
            for repeat, row in enumerate(zip(*columns, strict=True), start=1):
                name = next((text.strip() for text in row if text.strip()), "")
                found.setdefault(name, (record, repeat))
        return found

    def _message(
        self, message: Message, groups: Sequence[_Group], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        negative, marks = self._section.negative, message.delimiters
        steps = tuple([step.id for group in groups for step in group.work.steps])
        if not steps and negative is Negative.SILENCE:
            return ()
        records = [self._header(message, context)]
        for group in groups:
            if group.work.steps or negative in _OF_NEGATIVE:
                number = sum(record.startswith("P") for record in records) + 1
                records += self._specimen(group, number, marks, context)
        ends_empty = negative in (Negative.NO_INFORMATION, Negative.UNKNOWN_SPECIMEN)
        code = _WITHOUT_WORK if not steps and ends_empty else self._section.terminator
        if not steps and negative is Negative.NO_ORDER:
            code = "N"
        records.append(build_record("L", {2: "1", 3: code}, marks))
        return (EncodedAnswer(_encoded(records, context.encoding), steps),)

    def _header(self, message: Message, context: AnswerContext) -> str:
        """Who answers whom, and when; the profile may say otherwise."""
        asked, marks = message.header, message.delimiters
        component = marks.component
        fields: dict[int, str] = {
            _SENDER: Raw(asked.field(_RECEIVER)) or OUR_NAME,
            _RECEIVER: Raw(asked.field(_SENDER)),
            _PROCESSING: Raw(asked.field(_PROCESSING)) or "P",
            _VERSION: Raw(asked.field(_VERSION)),
            _SENT_AT: _moment(context.now, ZoneInfo(context.time_zone)),
        }
        for path, place in self._places.items():
            if path.letter == "H":
                text = _text(place, _NOBODY, _NO_STEP, context)
                parts = [escape(part, marks) for part in text.split("^")]
                fields[path.field] = Raw(component.join(parts))
        return build_record("H", fields, marks)

    def _specimen(
        self, group: _Group, number: int, marks: Delimiters, context: AnswerContext
    ) -> list[str]:
        steps = group.work.steps
        if self._section.tests is TestsAs.RECORDS and steps:
            portions: list[Sequence[WorkOrderStep]] = [(step,) for step in steps]
        else:
            portions = [steps]
        records = [_record("P", number, self._texts("P", group, steps, context), marks)]
        for at, portion in enumerate(portions, start=1):
            texts = self._texts("O", group, portion, context)
            if not steps:
                for path, text in _OF_NEGATIVE[self._section.negative].items():
                    texts = {one: said for one, said in texts.items() if one.field != path.field}
                    texts[path] = text
            records.append(_record("O", at, texts, marks))
        return records

    def _texts(
        self, letter: str, group: _Group, steps: Sequence[WorkOrderStep], context: AnswerContext
    ) -> dict[Path, str]:
        """The text of each place of one record; a place of the test once for each test, as repeats."""
        texts: dict[Path, str] = {}
        for path, place in self._places.items():
            if path.letter != letter:
                continue
            if place.value is OrderValue.TEST_CODE:
                for repeat, step in enumerate(steps, start=1):
                    at = Path(letter, path.field, path.repeat or repeat, path.component)
                    texts[at] = place.table.get(step.test_code, step.test_code)
                continue
            texts[path] = _text(place, group, steps[0] if steps else _NO_STEP, context)
        return texts


def _text(place: OrderField, group: _Group, step: WorkOrderStep, context: AnswerContext) -> str:
    if place.text is not None:
        return place.text
    if place.query is not None:
        return _asked_text(place.query, group.asked_at)
    value = place.value
    text = _values(group.work, step, context)[value] if value is not None else ""
    if value is OrderValue.PRIORITY and not place.table:
        return PRIORITY_CODES.get(text, text)
    return place.table.get(text, text)


def _asked_text(path_text: str, asked_at: tuple[Record, int] | None) -> str:
    """What the query said, of the repeat that names the specimen."""
    if asked_at is None:
        return ""
    record, repeat = asked_at
    path = Path.parse(path_text)
    if path.component and not path.repeat:
        path = Path(path.letter, path.field, repeat, path.component)
    return path.of(record)


def _values(
    work: SpecimenWork, step: WorkOrderStep, context: AnswerContext
) -> Mapping[OrderValue, str]:
    patient = work.patient or Patient()
    first = patient.identifiers[0].id if patient.identifiers else ""
    zone = ZoneInfo(context.time_zone)
    return {
        OrderValue.SAMPLE_ID: work.sample_id,
        OrderValue.TEST_CODE: step.test_code,
        OrderValue.PRIORITY: step.priority.value if step.id else "",
        OrderValue.PLACER_NUMBER: step.placer_number,
        OrderValue.SPECIMEN_TYPE: work.specimen_type,
        OrderValue.PATIENT_ID: first,
        OrderValue.PATIENT_NAME: _known(patient.name, context.encoding),
        OrderValue.BIRTH_DATE: patient.birth_date,
        OrderValue.SEX: patient.sex,
        OrderValue.COLLECTED_AT: _moment(work.collected_at, zone),
        OrderValue.NOW: _moment(context.now, zone),
    }


def _known(name: str, encoding: str) -> str:
    """A name serves people: letters that the analyzer does not have become `?`."""
    return name.encode(encoding, "replace").decode(encoding)


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).strftime("%Y%m%d%H%M%S")


def _record(letter: str, number: int, texts: Mapping[Path, str], marks: Delimiters) -> str:
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


def _encoded(records: Sequence[str], encoding: str) -> bytes:
    try:
        return "".join([record + "\r" for record in records]).encode(encoding)
    except UnicodeEncodeError as error:
        raise DriverError(
            f"{encoding} has no letter {error.object[error.start]!r}",
            what_to_do="Set an encoding for the line that has all letters of sample ids and test codes.",
        ) from error
