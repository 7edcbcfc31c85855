"""Writes LAB-28: OML^O33 with work, and the answer that there is none (IHE PaLM TF-2b 3.28.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.protocols.law.header import (
    Stamp,
    broadcast_profile,
    charset_of,
    moment_text,
    printable,
    reply_header,
    written,
)
from drivers.protocols.law.options import LawSection
from drivers.protocols.law.queries import AskedWork
from drivers.protocols.law.tables import CONTAINER_FIELDS, PRIORITIES, OrderControl
from drivers.protocols.law.work import ContainerWork, OrderHeader, StepAction, WorkOrderStep
from middleware.driver.api import AnswerContext
from middleware.errors import DriverError
from middleware.model import Patient, SampleRole
from middleware.wire.hl7 import (
    NULL,
    UTF_8,
    AckCondition,
    Message,
    Raw,
    codec_for,
    components,
    compose,
    repetitions,
    segment,
    subcomponents,
)

LONGEST_AWOS_ID = 20
_CONTAINER_FIELD = 3
_KIND = ("OML", "O33", "OML_O33")
_ROLES = {SampleRole.PATIENT: "P", SampleRole.QC: "Q", SampleRole.CALIBRATOR: "C"}
_CONTROLS = {StepAction.NEW: OrderControl.NEW, StepAction.CANCEL: OrderControl.CANCEL}


def encode_orders(works: Sequence[ContainerWork], header: OrderHeader) -> bytes:
    """One message with the steps of `works`. Those of one message share their patient: the first one's is written.

    Raises DriverError for an AWOS id that is too long or named twice, and for works of several patients.
    """
    _check(works)
    moment = moment_text(header.ordered_at, header.time_zone)
    lines: list[str] = []
    patient = works[0].patient if works else None
    if patient is not None:
        lines += [_patient(patient), segment("PV1", {2: "U"})]
    for number, work in enumerate(works, start=1):
        lines += _container(number, work)
        for step in work.steps:
            lines += _step(step, moment)
    charset = _charset(lines, header.charset)
    return compose([_header(header, moment, charset), *lines], charset)


def _charset(lines: Sequence[str], wanted: str) -> str:
    try:
        "".join(lines).encode(codec_for(wanted) or "ascii")
    except UnicodeEncodeError:
        return UTF_8
    return wanted


def _check(works: Sequence[ContainerWork]) -> None:
    ids = [step.awos_id for work in works for step in work.steps]
    unfit = next((one for one in ids if not 0 < len(one) <= LONGEST_AWOS_ID), None)
    if unfit is not None or len(set(ids)) != len(ids):
        raise DriverError(
            f"the AWOS id {unfit!r} is unfit" if unfit is not None else "an AWOS id is named twice",
            what_to_do=f"Give each step an id of its own with 1 to {LONGEST_AWOS_ID} characters.",
        )
    if len({work.patient for work in works}) > 1:
        raise DriverError(
            "works of several patients in one message", what_to_do="Send one message for each."
        )


def _header(header: OrderHeader, moment: str, charset: str) -> str:
    return segment(
        "MSH",
        {
            3: header.sender,
            4: header.sender_facility,
            5: Raw(header.receiver),
            6: header.receiver_facility,
            7: moment,
            9: components(*_KIND),
            10: header.control_id,
            11: header.processing_id,
            12: header.version,
            15: header.accept_acknowledgement,
            16: header.application_acknowledgement,
            18: charset,
            21: Raw(header.profile),
        },
    )


def _patient(patient: Patient) -> str:
    ids = [components(one.id, "", "", one.authority) for one in patient.identifiers]
    return segment(
        "PID",
        {
            3: repetitions(ids),
            5: components(*patient.name.split("^")),
            7: patient.birth_date,
            8: patient.sex,
        },
    )


def _container(number: int, work: ContainerWork) -> list[str]:
    role = _ROLES.get(work.role)
    if role is None:
        raise DriverError(
            f"a specimen of role {work.role} cannot be ordered", what_to_do="Send no order for it."
        )
    kind = components(work.specimen_type, work.specimen_type_name, work.specimen_type_system)
    sample_id = work.sample_id or work.container
    spm = {
        1: str(number),
        2: subcomponents(sample_id),
        4: kind if work.specimen_type else Raw(NULL),
        11: components(role, "", "HL70369"),
        17: work.collected_at_text,
    }
    sac = {3: work.container, 10: work.carrier, 11: work.position}
    return [segment("SPM", spm), segment("SAC", sac)]


def _step(step: WorkOrderStep, moment: str) -> list[str]:
    test = components(step.test_code, step.test_name, step.code_system)
    lines = [segment("ORC", {1: _CONTROLS[step.action], 9: moment})]
    if step.action is StepAction.NEW:
        lines.append(segment("TQ1", {9: components(PRIORITIES[step.priority], "", "HL70485")}))
    lines.append(segment("OBR", {2: step.awos_id, 4: test}))
    if step.action is StepAction.NEW and step.dilution is not None:
        wish = components("", "1", ":", str(step.dilution))
        lines.append(segment("TCD", {1: test, 2: wish}))
    return lines


def negative_answers(
    message: Message, asked: AskedWork, context: AnswerContext, section: LawSection
) -> tuple[bytes, ...]:
    """One message for each container asked about, or one for a rack, a tray or everything.

    What the query says of the place comes back as it was written. A query for everything has no container: an explicit
    null stands for it.
    """
    asked_for = asked.containers or (Raw(""),)
    answers = []
    for number, container in enumerate(asked_for, start=1):
        tail = f"-{number}" if len(asked_for) > 1 else ""
        stamp = Stamp(context.control_id + tail, moment_text(context.now, context.time_zone))
        answers.append(negative_answer(message, (asked, container), stamp, section))
    return tuple(answers)


def negative_answer(
    message: Message, place: tuple[AskedWork, Raw], stamp: Stamp, section: LawSection
) -> bytes:
    """That there is no work for one container (of those that the query asks about)."""
    marks = message.delimiters
    header = reply_header(message, _KIND, stamp, broadcast_profile(message))
    header[15] = section.accept_acknowledgement
    header[16] = AckCondition.ALWAYS  # the answer is awaited
    header[18] = header[18] or UTF_8
    unknown = components("U", "", "HL70369", delimiters=marks)
    lines = [
        written(header, marks),
        segment("SPM", {1: "1", 4: Raw(NULL), 11: unknown}, marks),
        segment("SAC", _sac(*place), marks),
        segment("ORC", {1: OrderControl.NO_WORK, 9: stamp.time_text}, marks),
    ]
    return compose(lines, charset_of(message) or UTF_8)


def _sac(asked: AskedWork, container: Raw) -> dict[int, str | None]:
    """The container and where it stands. The place of a single tube is the query's; of several it would be a guess."""
    fields: dict[int, str | None] = {_CONTAINER_FIELD: container or Raw(NULL)}
    if len(asked.containers) <= 1:
        for of_query, of_sac in CONTAINER_FIELDS.items():
            if of_query != _CONTAINER_FIELD:
                fields[of_sac] = printable(asked.qpd.field(of_query))
    return fields
