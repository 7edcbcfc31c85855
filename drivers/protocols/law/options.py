"""What a profile and a line may say of LAW: the `[protocol]` table of driver.toml, and the line's `link` table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from drivers.protocols.hl7.link_options import (
    TEXT_QUIRKS,
    Acknowledgement,
    Hl7LinkSection,
    check_quirks,
)
from drivers.protocols.hl7.section import Hl7Section
from drivers.protocols.hl7.section import read_section as read_hl7_section
from drivers.protocols.law.tables import QUERY_SCOPES, QueryScope
from middleware.driver.profile import LinkSection, Profile, describe_mistakes
from middleware.driver.rules import PathField, PathRule
from middleware.errors import DriverError
from middleware.wire.mllp import QUIRKS as BLOCK_QUIRKS


class LawSection(Hl7Section):
    """How an analyzer speaks LAW, where implementations differ; beside what every HL7 profile may say."""

    acknowledge: Literal[Acknowledgement.AS_ASKED] = Field(
        default=Acknowledgement.AS_ASKED,
        description="LAW has one way to acknowledge.",
        examples=["as_asked"],
    )
    run: PathField | None = Field(
        default=PathRule(path="OBX-4"), description="Number of the run (OBX-4).", examples=["OBX-4"]
    )
    answer: None = Field(default=None, description="LAW has one way to answer.")
    negative_answer: bool = Field(
        default=True,
        description="Whether the analyzer is told when there is no work; false: it expects silence.",
        examples=[False],
    )
    accept_acknowledgement: Literal["NE", "ER", "AL"] = Field(
        default="NE",
        description="MSH-15 of what we send; analyzers expect NE or ER.",
        examples=["ER"],
    )
    silence_accepts: bool = Field(
        default=False,
        description="Whether an answer to orders that names none of them (MSH and MSA alone) takes them all.",
        examples=[True],
    )
    download: bool = Field(
        default=True,
        description="Whether the analyzer takes orders that it did not ask for.",
        examples=[False],
    )
    cancel: bool = Field(
        default=True,
        description="Whether one that does can be told that an order was cancelled (ORC-1 CA).",
        examples=[False],
    )
    queries: Mapping[str, QueryScope] = Field(
        default_factory=dict,
        description="More names of queries (QPD-1.1), each with what it asks: container, all, rack, tray or isolate.",
        examples=[{"WOS_MINE": "container"}],
    )

    def scopes(self) -> Mapping[str, QueryScope]:
        """Every name of a query that is understood."""
        return {**QUERY_SCOPES, **self.queries}


class LawLinkSection(Hl7LinkSection):
    """The `link` table of a line with this protocol; times in seconds."""

    acknowledge: None = Field(default=None, description="LAW has one way to acknowledge.")
    answer_s: float = Field(
        default=10.0,
        gt=0,
        le=120,
        description="How long a message of ours waits for the analyzer's answer.",
        examples=[20],
    )


def read_section(profile: Profile) -> LawSection:
    """The `[protocol]` table of a profile; DriverError names every mistake."""
    section = read_hl7_section(profile, LawSection)
    if not isinstance(section, LawSection):
        raise TypeError("the section was read as another model")
    return section


def read_link(options: Mapping[str, object]) -> LawLinkSection:
    """The line's own `link` table; DriverError names every mistake."""
    try:
        line = LawLinkSection.model_validate(options)
    except ValidationError as error:
        raise DriverError(
            f"link options: {'; '.join(describe_mistakes(error, LawLinkSection))}",
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


_NAMES = {
    "receive_s": "partial_timeout_s",
    "reply_deadline_s": "reply_deadline_s",
    "max_message_bytes": "max_block_bytes",
}


def link_settings(profile: LinkSection, line: LawLinkSection) -> dict[str, Any]:
    """The settings of the link: the profile's, replaced by the line's; their quirks together."""
    said = {**profile.model_dump(exclude_none=True), **line.model_dump(exclude_none=True)}
    quirks = (frozenset(profile.quirks) | frozenset(line.quirks)) & BLOCK_QUIRKS.keys()
    return {
        **{name: said[key] for key, name in _NAMES.items() if key in said},
        "ack_timeout_s": line.answer_s,
        "tolerances": quirks,
    }
