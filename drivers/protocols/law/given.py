"""Answers a query for work (LAB-27) with work: one OML^O33 for each container, and the answer that there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from drivers.protocols.law.answers import read_broadcast_answer
from drivers.protocols.law.encode import encode_orders, negative_answer
from drivers.protocols.law.header import Stamp, broadcast_profile, charset_of, copied, moment_text
from drivers.protocols.law.options import LawSection
from drivers.protocols.law.queries import AskedWork
from drivers.protocols.law.work import ContainerWork, OrderHeader, StepAction, StepAnswer
from drivers.protocols.law.work import WorkOrderStep as LawStep
from middleware.driver.api import AnswerContext, EncodedAnswer
from middleware.model import SpecimenWork
from middleware.wire.hl7 import UTF_8, Message, Raw

REFUSED = "the analyzer will not do it"
NOT_CANCELLED = "the analyzer will not cancel it: it is too late"
_WORDS = {StepAnswer.REFUSED: REFUSED, StepAnswer.NOT_CANCELLED: NOT_CANCELLED}

_LARGEST_FACTOR = 100_000


def answers(
    message: Message,
    asked: AskedWork,
    work: Sequence[SpecimenWork],
    context: AnswerContext,
    section: LawSection,
) -> tuple[EncodedAnswer, ...]:
    """A message for each container asked about, in that order; then for what a query for everything brought."""
    found = {one.sample_id: one for one in work}
    named = [(raw, _container_id(message, raw)) for raw in asked.containers]
    wanted: list[tuple[Raw, SpecimenWork | None]] = [(raw, found.get(one)) for raw, one in named]
    if not named:
        wanted = [(Raw(""), one) for one in work]
    given: list[EncodedAnswer] = []
    for number, (raw, one) in enumerate(wanted, start=1):
        control_id = context.control_id + (f"-{number}" if len(wanted) > 1 else "")
        if one is None:
            stamp = Stamp(control_id, moment_text(context.now, context.time_zone))
            given.append(EncodedAnswer(negative_answer(message, (asked, raw), stamp, section)))
            continue
        header = _header(message, control_id, context, section)
        text = encode_orders([_container(one, asked, context)], header)
        given.append(EncodedAnswer(text, tuple([step.id for step in one.steps])))
    return tuple(given)


def refused_steps(
    reply: bytes, context: AnswerContext, steps: Sequence[int], *, silence_accepts: bool
) -> Mapping[int, str]:
    """The steps that the analyzer says it will not do, or not cancel."""
    ids = {awos_id(step, context): step for step in steps}
    answer = read_broadcast_answer(
        reply, context.control_id, list(ids), silence_accepts=silence_accepts
    )
    return {ids[one]: _WORDS[said] for one, said in answer.steps.items() if said in _WORDS}


def awos_id(step: int, context: AnswerContext) -> str:
    """The number of a step as analyzers see it: unique for ever, at most 20 characters."""
    return f"{context.step_prefix}{step}"


def _container_id(message: Message, raw: Raw) -> str:
    marks = message.delimiters
    return str(raw).split(marks.component, 1)[0].split(marks.subcomponent, 1)[0].strip()


def _header(
    message: Message, control_id: str, context: AnswerContext, section: LawSection
) -> OrderHeader:
    asker = message.header
    return OrderHeader(
        control_id=control_id,
        ordered_at=context.now,
        time_zone=context.time_zone,
        sender=asker.get("MSH-5") or "LABWIRE",
        sender_facility=asker.get("MSH-6"),
        receiver=copied(asker, 3),
        receiver_facility=asker.get("MSH-4"),
        profile=broadcast_profile(message),
        accept_acknowledgement=section.accept_acknowledgement,
        processing_id=asker.get("MSH-11") or "P",
        version=asker.get("MSH-12.1") or "2.5.1",
        charset=charset_of(message) or UTF_8,
    )


def _container(work: SpecimenWork, asked: AskedWork, context: AnswerContext) -> ContainerWork:
    """The place of a single tube is the query's; of several it would be a guess."""
    is_single = len(asked.containers) == 1
    place = (asked.qpd.get("QPD-4.1"), asked.qpd.get("QPD-5.1")) if is_single else ("", "")
    return container_of(work, place, context)


def container_of(
    work: SpecimenWork,
    place: tuple[str, str],
    context: AnswerContext,
    action: StepAction = StepAction.NEW,
) -> ContainerWork:
    """One tube's steps in LAW's terms. `place`: its carrier and position, '' where they are not known."""
    collected = work.collected_at
    return ContainerWork(
        container=work.sample_id,
        steps=tuple(
            [
                LawStep(
                    awos_id=awos_id(step.id, context),
                    test_code=step.test_code,
                    test_name=step.test_name,
                    priority=step.priority,
                    action=action,
                    dilution=_whole(step.dilution),
                )
                for step in work.steps
            ]
        ),
        specimen_type=work.specimen_type,
        collected_at_text="" if collected is None else moment_text(collected, context.time_zone),
        carrier=place[0],
        position=place[1],
        patient=work.patient,
    )


def writable(work: SpecimenWork) -> SpecimenWork:
    """Without the steps that ask for a dilution which LAW cannot write: they stay open, never run undiluted."""
    kept = [one for one in work.steps if not one.dilution or _whole(one.dilution) is not None]
    return work if len(kept) == len(work.steps) else work.model_copy(update={"steps": tuple(kept)})


def _whole(factor: str) -> int | None:
    """A wished dilution: TCD-2 takes whole numbers. None: none is wished, or it is not whole."""
    try:
        exact = Decimal(factor)
    except InvalidOperation:
        return None
    is_whole = exact.is_finite() and 1 <= exact <= _LARGEST_FACTOR and exact == int(exact)
    return int(exact) if is_whole else None
