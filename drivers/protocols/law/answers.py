"""Reads what an analyzer answers to LAB-28: ORL^O34, or a plain ACK (IHE PaLM TF-2b 3.28.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.protocols.law.tables import OrderControl
from drivers.protocols.law.work import BroadcastAnswer, StepAnswer
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import AckOutcome, AckVerdict, Message, classify, parse

_ANSWERS = {
    OrderControl.ACCEPTED: StepAnswer.ACCEPTED,
    OrderControl.UNABLE: StepAnswer.REFUSED,
    OrderControl.CANCELLED: StepAnswer.CANCELLED,
    OrderControl.NOT_CANCELLED: StepAnswer.NOT_CANCELLED,
}


def complaint_of(reply: bytes, control_id: str) -> str:
    """Why the analyzer did not take our message `control_id`, in words; '' when it took it."""
    verdict = classify(reply, control_id)
    if verdict.outcome is AckOutcome.ACCEPTED:
        return ""
    return _words(verdict)


def _words(verdict: AckVerdict) -> str:
    if not verdict.code:
        return f"the analyzer's answer could not be read: {verdict.text}"
    codes = ", ".join(dict.fromkeys(verdict.error_codes))
    said = " ".join(part for part in (verdict.text, f"[{codes}]" if codes else "") if part)
    return f"the analyzer answered {verdict.code}: {said or 'no words'}"


def read_broadcast_answer(
    reply: bytes, control_id: str, sent: Sequence[str], *, silence_accepts: bool = False
) -> BroadcastAnswer:
    """What became of the steps `sent` (their AWOS ids, in the order of sending). Never raises.

    A step is found by ORC-2, else by OBR-2; where the analyzer leaves both empty and answers as many steps as were
    sent, by its order. `silence_accepts`: an answer that names no step takes them all.
    """
    verdict = classify(reply, control_id)
    nothing = dict.fromkeys(sent, StepAnswer.UNKNOWN)
    if verdict.outcome is not AckOutcome.ACCEPTED:
        return BroadcastAnswer(False, verdict.code, _words(verdict), nothing)
    try:
        named = _answers(parse(reply))
    except RemoteProtocolError as error:  # classify read it: this cannot be, and must not raise
        return BroadcastAnswer(False, verdict.code, str(error), nothing)
    if not named:
        if silence_accepts:
            nothing = dict.fromkeys(sent, StepAnswer.ACCEPTED)
        return BroadcastAnswer(True, verdict.code, verdict.text, nothing)
    return BroadcastAnswer(True, verdict.code, verdict.text, nothing | _by_step(named, sent))


def _by_step(named: Sequence[tuple[str, StepAnswer]], sent: Sequence[str]) -> dict[str, StepAnswer]:
    if not any(awos_id for awos_id, _ in named):
        if len(named) != len(sent):
            return {}
        return dict(zip(sent, [answer for _, answer in named], strict=True))
    known = frozenset(sent)
    return {awos_id: answer for awos_id, answer in named if awos_id in known}


def _answers(message: Message) -> list[tuple[str, StepAnswer]]:
    """Every ORC with the id that it or its OBR names."""
    found: list[tuple[str, StepAnswer]] = []
    for segment in message.segments_in_order:
        if segment.name == "ORC":
            code = segment.get("ORC-1").strip().upper()
            answer = _ANSWERS.get(OrderControl(code)) if code in _CODES else None
            found.append((segment.get("ORC-2.1").strip(), answer or StepAnswer.UNKNOWN))
        elif segment.name == "OBR" and found and not found[-1][0]:
            found[-1] = (segment.get("OBR-2.1").strip(), found[-1][1])
    return found


_CODES = frozenset(OrderControl)
