"""What a profile and a line may say of the connection, and the MLLP link made of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from pydantic import Field, ValidationError

from drivers.protocols.hl7.acknowledge import Acknowledger, AnsweredLater, OwnNames
from middleware.driver.api import LinkContext
from middleware.driver.profile import LinkSection, describe_mistakes
from middleware.driver.quirks import NUL_IN_TEXT, SEGMENT_QUIRKS
from middleware.errors import DriverError
from middleware.wire.hl7 import AckCode, Glance, replies_for
from middleware.wire.hl7.parse import BYTE_ORDER_MARK, LINE_FEED_SEPARATORS
from middleware.wire.mllp import QUIRKS as BLOCK_QUIRKS
from middleware.wire.mllp import MllpLink, MllpLinkOptions, Replies

TEXT_QUIRKS = (
    frozenset({BYTE_ORDER_MARK, LINE_FEED_SEPARATORS, NUL_IN_TEXT}) | SEGMENT_QUIRKS.keys()
)
"""Tolerances of the message's text; they belong to the profile."""


class Acknowledgement(StrEnum):
    """Which acknowledgement a message gets, whatever it asks for."""

    AS_ASKED = "as_asked"  # MSH-15 and MSH-16
    ORIGINAL = "original"  # AA or AE
    ENHANCED = "enhanced"  # CA or CE
    NONE = "none"


class Hl7LinkSection(LinkSection):
    """The `link` table of a line with this protocol."""

    acknowledge: Acknowledgement | None = Field(
        default=None,
        description="`as_asked` by MSH-15 and MSH-16 (default), `original` (AA, AE), `enhanced` (CA, CE) or `none`.",
        examples=["original"],
    )
    application: str = Field(
        default="",
        max_length=180,
        description="Our name in MSH-3 of acknowledgements; else what the message calls its receiver.",
        examples=["LABWIRE"],
    )
    facility: str = Field(
        default="", max_length=180, description="The same for MSH-4.", examples=["LAB"]
    )


def check_quirks(profile: LinkSection) -> None:
    """Refuse tolerances that mean nothing for HL7 over MLLP: DriverError."""
    strange = sorted(set(profile.quirks) - TEXT_QUIRKS - BLOCK_QUIRKS.keys())
    if strange:
        raise DriverError(
            f"[link]: {', '.join(strange)} cannot occur with HL7 over MLLP",
            what_to_do="Take it out of `quirks` of the profile.",
        )


def make_link(
    profile: LinkSection,
    usual: Acknowledgement,
    options: Mapping[str, object],
    context: LinkContext,
    unanswered: frozenset[str] | None = None,
) -> MllpLink:
    """A link by the profile and the line's own `link` table. DriverError for keys or values that do not fit.

    `unanswered` given: queries are answered, by messages of which the analyzer replies to none of these types.
    """
    line = _read(options)
    tolerances = (frozenset(profile.quirks) | frozenset(line.quirks)) & BLOCK_QUIRKS.keys()
    own = line.model_dump(exclude_none=True)
    merged = {**profile.model_dump(exclude_none=True), **own}
    sizes = {name: merged[key] for key, name in _LINK_NAMES.items() if key in merged}
    names = OwnNames(line.application, line.facility)
    plainly = Acknowledger(names, context.utc_now, context.time_zone)
    return MllpLink(
        MllpLinkOptions(
            acknowledge=plainly if unanswered is None else AnsweredLater(plainly),
            unanswered=unanswered or frozenset(),
            replies=_REPLIES[line.acknowledge or usual],
            tolerances=tolerances,
            **sizes,
        )
    )


def _read(options: Mapping[str, object]) -> Hl7LinkSection:
    try:
        line = Hl7LinkSection.model_validate(options)
    except ValidationError as error:
        raise DriverError(
            f"link options: {'; '.join(describe_mistakes(error, Hl7LinkSection))}",
            what_to_do="Correct the line's `link` table.",
        ) from error
    misplaced = sorted(TEXT_QUIRKS & set(line.quirks))
    if misplaced:
        raise DriverError(
            f"link options: {', '.join(misplaced)} is about the message's text, not about the link",
            what_to_do="Name it in `quirks` of the driver's profile.",
        )
    check_quirks(line)
    return line


_LINK_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "receive_s": "partial_timeout_s",
        "reply_deadline_s": "reply_deadline_s",
        "max_message_bytes": "max_block_bytes",
    }
)


def _original(message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
    return (AckCode.APPLICATION_ACCEPT if accepted else AckCode.APPLICATION_ERROR,)


def _enhanced(message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
    return (AckCode.COMMIT_ACCEPT if accepted else AckCode.COMMIT_ERROR,)


def _none(message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
    return ()


_REPLIES: Mapping[Acknowledgement, Replies] = MappingProxyType(
    {
        Acknowledgement.AS_ASKED: replies_for,
        Acknowledgement.ORIGINAL: _original,
        Acknowledgement.ENHANCED: _enhanced,
        Acknowledgement.NONE: _none,
    }
)
