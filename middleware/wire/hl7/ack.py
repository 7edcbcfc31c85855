"""Acknowledgements: building ours, and judging the peer's (HL7 2.5.1 2.9).

Judging follows `RULES`, read from top to bottom; the first row that fits decides. Three outcomes
settle a delivery: accepted, refused (do not send it again unchanged), deferred (send the same again
later). Two do not: the reply belongs to another message, or cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7.build import Raw, components, compose, segment
from middleware.wire.hl7.delimiters import Delimiters
from middleware.wire.hl7.parse import Glance, Message, parse
from middleware.wire.hl7.path import Segment
from middleware.wire.hl7.tables import ERROR_TEXTS, AckCode, AckCondition, ErrorCode

_SHORTEST_ACK = 2  # segments: MSH and MSA
_OLD_ERROR_FIELD = 6  # MSA-6, withdrawn in 2.7
_NO_ERROR = frozenset(("", ErrorCode.ACCEPTED))
_ERROR_TABLE = "HL70357"
# Versions in which MSH-9 has no structure and ERR no ERR-3.
_BEFORE_STRUCTURE = frozenset(("", "2.1", "2.2", "2.3", "2.3.1"))
_BEFORE_ERROR_CODE = _BEFORE_STRUCTURE | {"2.4"}


class AckOutcome(StrEnum):
    """What a reply means for the message that was sent."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    NOT_OURS = "not_ours"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class ErrorLocation:
    """Where an error is (ERR-2, ERL): the segment's name and the numbers from 1; 0 where not said."""

    segment: str
    sequence: int = 0
    field: int = 0
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0


@dataclass(frozen=True, slots=True)
class AckError:
    """One error of an acknowledgement. `code` is of table 0357, `severity` E, W or I ('' when not
    said).
    """

    code: str
    text: str = ""
    locations: tuple[ErrorLocation, ...] = ()
    severity: str = "E"


@dataclass(frozen=True, slots=True)
class AckVerdict:
    """A judged reply. `code` is MSA-1 as sent, `text` what the peer says, for a person ('' when it
    says nothing).
    """

    outcome: AckOutcome
    code: str = ""
    text: str = ""
    errors: tuple[AckError, ...] = ()
    acknowledged_id: str = ""

    @property
    def error_codes(self) -> tuple[str, ...]:
        """The codes of ERR-3 (MSA-6 and ERR-1 in old versions)."""
        return tuple(error.code for error in self.errors if error.code)

    @property
    def locations(self) -> tuple[ErrorLocation, ...]:
        """All places that the peer named."""
        return tuple(location for error in self.errors for location in error.locations)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: MSA-1 is one of `codes` and, unless `errors` is None, the errors fit. `every`: all of
    them must.
    """

    codes: frozenset[AckCode]
    errors: frozenset[ErrorCode] | None
    every: bool
    outcome: AckOutcome
    source: str


_HEADER_TROUBLE = frozenset(
    (
        ErrorCode.UNSUPPORTED_MESSAGE_TYPE,
        ErrorCode.UNSUPPORTED_EVENT,
        ErrorCode.UNSUPPORTED_PROCESSING_ID,
        ErrorCode.UNSUPPORTED_VERSION,
    )
)
_PASSING_TROUBLE = frozenset((ErrorCode.RECORD_LOCKED, ErrorCode.INTERNAL_ERROR))

RULES: tuple[Rule, ...] = (
    Rule(
        frozenset((AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT)),
        None, False, AckOutcome.ACCEPTED, "HL7 2.5.1 2.9.2, 2.9.3",
    ),
    # The same bytes have the same header for ever: sending them again cannot help, whoever refused.
    Rule(
        frozenset((AckCode.APPLICATION_ERROR, AckCode.APPLICATION_REJECT, AckCode.COMMIT_ERROR)),
        _HEADER_TROUBLE, False, AckOutcome.REFUSED, "HL7 table 0357, 200 to 203",
    ),
    Rule(
        frozenset((AckCode.COMMIT_REJECT,)),
        None, False, AckOutcome.REFUSED, "HL7 2.5.1 2.9.3.1",
    ),
    # Only when nothing else is wrong with it: a content error beside a lock stays wrong after the
    # lock.
    Rule(
        frozenset((AckCode.APPLICATION_ERROR, AckCode.APPLICATION_REJECT)),
        _PASSING_TROUBLE, True, AckOutcome.DEFERRED, "HL7 table 0357, 206 and 207",
    ),
    Rule(
        frozenset((AckCode.COMMIT_ERROR,)),
        None, False, AckOutcome.DEFERRED, "HL7 2.5.1 2.9.3.1",
    ),
    # An application refusal never blocks the lane: it is set aside for a person.
    Rule(
        frozenset((AckCode.APPLICATION_ERROR, AckCode.APPLICATION_REJECT)),
        None, False, AckOutcome.REFUSED, "HL7 2.5.1 2.9.2",
    ),
)  # fmt: skip


def classify(reply: bytes, control_id: str) -> AckVerdict:
    """Judge a reply to the message whose MSH-10 is `control_id`. Never raises."""
    try:
        message = parse(reply)
    except RemoteProtocolError as error:
        return AckVerdict(AckOutcome.UNREADABLE, text=str(error))
    msa = message.segment("MSA")
    if msa is None:
        return AckVerdict(AckOutcome.UNREADABLE, text="the reply has no MSA segment")
    code = msa.get("MSA-1").strip()
    acknowledged_id = msa.get("MSA-2").strip()
    if acknowledged_id != control_id:
        return AckVerdict(AckOutcome.NOT_OURS, code, acknowledged_id=acknowledged_id)
    errors: tuple[AckError, ...] = ()
    text = msa.get("MSA-3").strip()
    if len(message.segments_in_order) > _SHORTEST_ACK or msa.field(_OLD_ERROR_FIELD):
        errors = _errors(message, msa)
        text = _text_for_people(message, text, errors)
    return AckVerdict(_outcome(code.upper(), errors), code, text, errors, acknowledged_id)


def _outcome(code: str, errors: Sequence[AckError]) -> AckOutcome:
    real = {error.code for error in errors if error.severity not in ("W", "I")}
    real -= _NO_ERROR
    for rule in RULES:
        if code in rule.codes and _fits(rule, real):
            return rule.outcome
    return AckOutcome.UNREADABLE


def _fits(rule: Rule, codes: set[str]) -> bool:
    if rule.errors is None:
        return True
    common = codes & rule.errors
    return bool(common) and (not rule.every or common == codes)


def _errors(message: Message, msa: Segment) -> tuple[AckError, ...]:
    found: list[AckError] = []
    for err in message.segments("ERR"):
        error = AckError(
            err.get("ERR-3.1").strip(),
            err.get("ERR-8") or err.get("ERR-7") or err.get("ERR-3.2"),
            tuple(_location(err, repeat) for repeat in range(1, len(err.repetitions(2)) + 1)),
            err.get("ERR-4").strip().upper(),
        )
        if error.code or error.text or error.locations:
            found.append(error)
        found.extend(_old_errors(err))
    code = msa.get("MSA-6.1").strip()
    if code not in _NO_ERROR:
        found.append(AckError(code, msa.get("MSA-6.2")))
    return tuple(found)


def _location(err: Segment, repetition: int) -> ErrorLocation:
    name, *numbers = err.components(2, repetition) or [""]
    return ErrorLocation(name, *(_number(text) for text in numbers[:5]))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004


def _old_errors(err: Segment) -> list[AckError]:
    """ERR-1 (ELD), before 2.5: segment, sequence, field, and the code with its text as
    sub-components.
    """
    found = []
    for repetition in range(1, len(err.repetitions(1)) + 1):
        name, *numbers = err.components(1, repetition)[:3] or [""]
        path = f"ERR-1[{repetition}].4"
        code = err.get(f"{path}.1").strip() or (name if name.isdigit() else "")
        places = (ErrorLocation(name, *map(_number, numbers)),) if name[:1].isalpha() else ()
        if code not in _NO_ERROR or places:
            found.append(AckError(code, err.get(f"{path}.2"), places))
    return found


def _text_for_people(message: Message, said: str, errors: Sequence[AckError]) -> str:
    texts = [said]
    for err in message.segments("ERR"):
        texts += [err.get("ERR-8"), err.get("ERR-7"), err.get("ERR-3.2")]
    texts += [error.text for error in errors]
    return "; ".join(dict.fromkeys(text.strip() for text in texts if text.strip()))


def replies_for(message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
    """Which acknowledgements a message asks for, in order (HL7 2.5.1 2.9.2 original, 2.9.3 enhanced
    mode).

    Only the codes of table 0155 count: some analyzers use MSH-16 for marks of their own.
    """
    conditions = (message.accept_condition, message.application_condition)
    if not _CONDITIONS.intersection(conditions):
        return (_APPLICATION[accepted],)
    replies = []
    if _is_wanted(message.accept_condition, accepted=accepted):
        replies.append(_COMMIT[accepted])
    if _is_wanted(message.application_condition, accepted=accepted):
        replies.append(_APPLICATION[accepted])
    return tuple(replies)


_CONDITIONS = frozenset(AckCondition)
_APPLICATION = {True: AckCode.APPLICATION_ACCEPT, False: AckCode.APPLICATION_ERROR}
_COMMIT = {True: AckCode.COMMIT_ACCEPT, False: AckCode.COMMIT_ERROR}


def _is_wanted(condition: str, *, accepted: bool) -> bool:
    if condition == AckCondition.ALWAYS:
        return True
    return condition == (AckCondition.SUCCESS if accepted else AckCondition.ERROR)


@dataclass(frozen=True, slots=True)
class AckNote:
    """What an acknowledgement says beyond its code: `text` (MSA-3), errors, and our names (MSH-3, MSH-4) where they are
    not those that the message called its receiver.
    """

    text: str = ""
    errors: tuple[AckError, ...] = ()
    application: str = ""
    facility: str = ""


NO_NOTE = AckNote()


def build_ack(
    message: Message, code: AckCode, control_id: str, now_text: str, note: AckNote = NO_NOTE
) -> bytes:
    """The acknowledgement of `message`, in its version, character set and delimiters.

    `control_id` becomes MSH-10; `now_text` MSH-7 (YYYYMMDDHHMMSS with offset, or ''). Sender and
    receiver are swapped.
    """
    header = message.header
    delimiters = message.delimiters
    version = header.get("MSH-12.1")
    event = header.get("MSH-9.2")
    kind = ("ACK", event) if version in _BEFORE_STRUCTURE else ("ACK", event, "ACK")
    charset = header.get("MSH-18[1]")
    msh = {
        3: note.application or _copied(header, 5),
        4: note.facility or _copied(header, 6),
        5: _copied(header, 3),
        6: _copied(header, 4),
        7: now_text,
        9: components(*kind, delimiters=delimiters),
        10: control_id,
        11: _copied(header, 11) or "P",
        12: _copied(header, 12) or "2.5.1",
        18: charset,
    }
    msa: dict[int, str | None] = {1: code, 2: _copied(header, 10), 3: note.text}
    segments = [segment("MSH", msh, delimiters)]
    if version in _BEFORE_ERROR_CODE:
        if note.errors:
            msa[6] = _coded(note.errors[0], delimiters)
        segments.append(segment("MSA", msa, delimiters))
    else:
        segments.append(segment("MSA", msa, delimiters))
        segments += [_err(error, delimiters) for error in note.errors]
    return compose(segments, charset)


def _copied(header: Segment, number: int) -> Raw:
    """A field of the message for its answer, without the control characters that some senders leave
    in.
    """
    text = header.field(number)
    if not text.isprintable():
        text = "".join(
            [character for character in text if character >= " " and character != "\x7f"]
        )
    return Raw(text)


def _coded(error: AckError, delimiters: Delimiters) -> Raw:
    text = ERROR_TEXTS.get(error.code, "")
    return components(error.code, text, _ERROR_TABLE, delimiters=delimiters)


def _err(error: AckError, delimiters: Delimiters) -> str:
    places = [
        components(
            place.segment,
            *(str(n or "") for n in (place.sequence, place.field, place.repetition)),
            *(str(n or "") for n in (place.component, place.subcomponent)),
            delimiters=delimiters,
        )
        for place in error.locations
    ]
    return segment(
        "ERR",
        {
            2: Raw(delimiters.repetition.join(places)),
            3: _coded(error, delimiters),
            4: error.severity or "E",
            8: error.text,
        },
        delimiters,
    )
