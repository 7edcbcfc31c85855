"""Writes the answer to a host query by the profile's `[protocol.answer]`: QCK and DSR, ORR, RSP of a maker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from drivers.protocols.hl7.answer_section import AnswerSection, Place, WithoutWork
from middleware.driver.api import AnswerContext, EncodedAnswer
from middleware.driver.order_section import PRIORITY_CODES, OrderValue
from middleware.errors import DriverError
from middleware.model import HostQuery, Patient, SpecimenWork, WorkOrderStep
from middleware.wire.hl7 import DEFAULT_DELIMITERS, Message, codec_for, escape

_ACCEPT, _REFUSE = "AA", "AR"
_DATE_LENGTH = 8
_OF_HEADER = {
    Place.SENDER: 3,
    Place.SENDER_FACILITY: 4,
    Place.RECEIVER: 5,
    Place.RECEIVER_FACILITY: 6,
    Place.PROCESSING: 11,
    Place.VERSION: 12,
    Place.CHARSET: 18,
}
_NO_STEP = WorkOrderStep(id=0, test_code="", lis_code="")
_NO_WORK = SpecimenWork(sample_id="", steps=())


class Asked(NamedTuple):
    """A query message and what was read of it."""

    message: Message
    queries: Sequence[HostQuery]
    context: AnswerContext


class _Head(NamedTuple):
    """What changes from header to header."""

    kind: str
    number: str
    has_work: bool


def answers(
    asked: Asked, work: Sequence[SpecimenWork], section: AnswerSection
) -> tuple[EncodedAnswer, ...]:
    """The messages which give `work`, those asked about first and in that order, or say that there is none.

    Raises DriverError for a letter that the analyzer does not have.
    """
    writable = [_writable(one, section) for one in work]
    given = [one for one in _in_order(asked.queries, writable) if one.steps]
    said: list[EncodedAnswer] = []
    if section.acknowledgement:
        own = asked.message.header.get("MSH-10") or asked.context.control_id
        head = _Head(section.acknowledgement, own, bool(given))
        said.append(EncodedAnswer(_encoded(_heading(asked, head, section), asked)))
    if not given:
        if section.without_work is not WithoutWork.ACKNOWLEDGEMENT:
            said.append(EncodedAnswer(_encoded(_without_work(asked, section), asked)))
        return tuple(said)
    portions = [[one] for one in given] if section.each else [given]
    first, most = len(said) + 1, len(said) + len(portions)
    for number, portion in enumerate(portions, start=first):
        tail = f"-{number}" if most > 1 else ""
        lines = _message(asked, portion, asked.context.control_id + tail, section)
        steps = tuple([step.id for one in portion for step in one.steps])
        said.append(EncodedAnswer(_encoded(lines, asked), steps))
    return tuple(said)


def _writable(work: SpecimenWork, section: AnswerSection) -> SpecimenWork:
    """Without the steps that ask for a dilution, where the analyzer cannot be told of it."""
    if section.writes_dilution or not any(step.dilution for step in work.steps):
        return work
    kept = tuple([step for step in work.steps if not step.dilution])
    return work.model_copy(update={"steps": kept})


def _in_order(queries: Sequence[HostQuery], work: Sequence[SpecimenWork]) -> list[SpecimenWork]:
    found = {one.sample_id: one for one in work}
    asked = [name for query in queries for name in query.sample_ids]
    return [found[name] for name in dict.fromkeys((*asked, *found)) if name in found]


def _heading(asked: Asked, head: _Head, section: AnswerSection) -> list[str]:
    """Header and status."""
    refuses = not head.has_work and section.without_work is WithoutWork.REFUSED
    places = _of_message(asked) | {
        Place.TYPE: head.kind,
        Place.NUMBER: head.number,
        Place.CODE: _REFUSE if refuses else _ACCEPT,
        Place.STATUS: section.found if head.has_work else section.none,
    }
    return [line.format_map(places) for line in (section.header, *section.status)]


def _without_work(asked: Asked, section: AnswerSection) -> list[str]:
    head = _Head(section.message, asked.context.control_id, has_work=False)
    lines = _heading(asked, head, section)
    if section.without_work is WithoutWork.REFUSED:
        return lines
    return [*lines, *_echo(asked, section), *_lines(section.after, _of_message(asked))]


def _message(
    asked: Asked, work: Sequence[SpecimenWork], control_id: str, section: AnswerSection
) -> list[str]:
    lines = _heading(asked, _Head(section.message, control_id, has_work=True), section)
    lines += _echo(asked, section)
    for number, one in enumerate(work, start=1):
        places = _of_message(asked) | {
            Place.SPECIMEN_NUMBER: str(number),
            Place.TESTS: escape(_joined_codes(one.steps), DEFAULT_DELIMITERS),
        }
        first = one.steps[0]
        lines += _lines(section.specimen, places | _values(one, first, asked, section))
        for at, step in enumerate(one.steps):
            places[Place.TEST_NUMBER] = str(at + 1)
            places[Place.LINE] = str(at + section.first_line)
            lines += _lines(section.test, places | _values(one, step, asked, section))
    return lines + _lines(section.after, _of_message(asked))


def _lines(templates: Sequence[str], places: Mapping[str, str]) -> list[str]:
    return [line.format_map(places) for line in templates]


def _echo(asked: Asked, section: AnswerSection) -> list[str]:
    """Segments of the query, as they came."""
    found = [asked.message.segment(name) for name in section.echo]
    return [_printable(one.raw) for one in found if one is not None]


def _of_message(asked: Asked) -> dict[str, str]:
    """What the query's header says, as written, and a '' for every other name."""
    header = asked.message.header
    places: dict[str, str] = dict.fromkeys((*OrderValue, *Place), "")
    places |= {place: _printable(header.field(at)) for place, at in _OF_HEADER.items()}
    places[Place.ASKED] = _printable(header.field(10))
    query = asked.message.segment("QPD")
    if query is not None:
        places[Place.QUERY_NAME] = _printable(query.field(1))
        places[Place.QUERY_TAG] = _printable(query.field(2))
    places[OrderValue.NOW] = _values(_NO_WORK, _NO_STEP, asked, None)[OrderValue.NOW]
    return places


def _values(
    work: SpecimenWork, step: WorkOrderStep, asked: Asked, section: AnswerSection | None
) -> dict[str, str]:
    """The values of an order, in the analyzer's words, escaped."""
    patient, context = work.patient or Patient(), asked.context
    zone = ZoneInfo(context.time_zone)
    collected = work.collected_at
    texts: dict[OrderValue, str] = {
        OrderValue.SAMPLE_ID: work.sample_id,
        OrderValue.TEST_CODE: step.test_code,
        OrderValue.PRIORITY: step.priority.value,
        OrderValue.PLACER_NUMBER: step.placer_number,
        OrderValue.SPECIMEN_TYPE: work.specimen_type,
        OrderValue.PATIENT_ID: patient.identifiers[0].id if patient.identifiers else "",
        OrderValue.BIRTH_DATE: patient.birth_date,
        OrderValue.SEX: patient.sex,
        OrderValue.COLLECTED_AT: (
            "" if collected is None else collected.astimezone(zone).strftime("%Y%m%d%H%M%S")
        ),
        OrderValue.NOW: context.now.astimezone(zone).strftime("%Y%m%d%H%M%S"),
        OrderValue.DILUTION: step.dilution,
        OrderValue.CARRIER: work.carrier,
        OrderValue.POSITION: work.position,
        OrderValue.MESSAGE_ID: context.control_id,
    }
    tables = section.tables if section is not None else {}
    if OrderValue.PRIORITY not in tables:
        texts[OrderValue.PRIORITY] = PRIORITY_CODES.get(texts[OrderValue.PRIORITY], "")
    said = {value: tables.get(value, {}).get(text, text) for value, text in texts.items()}
    written: dict[str, str] = {
        value: escape(text, DEFAULT_DELIMITERS) for value, text in said.items()
    }
    encoding = _encoding(asked)
    name = patient.name.encode(encoding, "replace").decode(encoding)  # a name serves people
    parts = [escape(part, DEFAULT_DELIMITERS) for part in name.split("^")]
    written[OrderValue.PATIENT_NAME] = DEFAULT_DELIMITERS.component.join(parts)
    written[Place.PATIENT_NAME_PLAIN] = " ".join([part for part in parts if part])
    born = written[OrderValue.BIRTH_DATE]
    written[Place.BIRTH_TIME] = born + "000000" if len(born) == _DATE_LENGTH else born
    return written


def _joined_codes(steps: Sequence[WorkOrderStep]) -> str:
    """`CBC` and `CBC+DIFF` are `CBC+DIFF`: a mode of counting, not two."""
    parts = [part for step in steps for part in step.test_code.split("+") if part]
    return "+".join(dict.fromkeys(parts))


def _printable(text: str) -> str:
    return "".join([one for one in text if one.isprintable()])


def _encoding(asked: Asked) -> str:
    """As the query declares its letters (MSH-18), else as the line is set to."""
    return codec_for(asked.message.header.get("MSH-18[1]")) or asked.context.encoding


def _encoded(lines: Sequence[str], asked: Asked) -> bytes:
    encoding = _encoding(asked)
    try:
        return "".join([line + "\r" for line in lines]).encode(encoding)
    except UnicodeEncodeError as error:
        raise DriverError(
            f"{encoding} has no letter {error.object[error.start]!r}",
            what_to_do="Set an encoding for the line that has all letters of sample ids and test codes.",
        ) from error
