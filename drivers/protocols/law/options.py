"""What a profile and a line may say of LAW: the `[protocol]` table of driver.toml, and the line's `link` table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError

from drivers.protocols.law.tables import QUERY_SCOPES, QueryScope
from middleware.driver.profile import LinkSection, Profile, describe_mistakes
from middleware.driver.rules import Section
from middleware.errors import DriverError
from middleware.wire.mllp import DEFAULT_LIMIT_BYTES


class LawSection(Section):
    """How an analyzer speaks LAW, where implementations differ."""

    negative_answer: bool = Field(
        default=True,
        description="Whether the analyzer is told when there is no work; false: it expects silence.",
    )
    accept_acknowledgement: Literal["NE", "ER", "AL"] = Field(
        default="NE", description="MSH-15 of what we send; analyzers expect NE or ER."
    )
    application_acknowledgement: Literal["AL", "NE"] = Field(
        default="AL", description="MSH-16 of what we send."
    )
    silence_accepts: bool = Field(
        default=False,
        description="Whether an answer to orders that names none of them (MSH and MSA alone) takes them all.",
    )
    queries: Mapping[str, QueryScope] = Field(
        default_factory=dict,
        description="More names of queries (QPD-1.1), each with what it asks: container, all, rack, tray or isolate.",
    )

    def scopes(self) -> Mapping[str, QueryScope]:
        """Every name of a query that is understood."""
        return {**QUERY_SCOPES, **self.queries}


class LawLinkSection(Section):
    """The `link` table of a line with this protocol; times in seconds."""

    reply_deadline_s: float = Field(
        default=9.0,
        gt=0,
        le=60,
        description="Latest acknowledgement; below the analyzer's own waiting time.",
    )
    receive_s: float = Field(
        default=30.0, gt=0, le=600, description="Silence inside a block that ends it."
    )
    answer_s: float = Field(
        default=10.0,
        gt=0,
        le=120,
        description="How long a message of ours waits for the analyzer's answer.",
    )
    max_message_bytes: int = Field(
        default=DEFAULT_LIMIT_BYTES,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Longest message taken, in bytes.",
    )


def read_section(profile: Profile) -> LawSection:
    """The `[protocol]` table of a profile; DriverError names every mistake."""
    try:
        return LawSection.model_validate(dict(profile.protocol))
    except ValidationError as error:
        raise DriverError(
            f"{profile.id} [protocol]: {'; '.join(describe_mistakes(error, LawSection))}",
            what_to_do="Correct each key named; drivers/protocols/law/README.md describes them.",
        ) from error


def read_link(profile: LinkSection, options: Mapping[str, object]) -> LawLinkSection:
    """The link's settings: the profile's, replaced by the line's. DriverError names every mistake."""
    said = profile.model_dump(exclude_none=True)
    if quirks := said.pop("quirks"):
        raise DriverError(
            f"[link] quirks: {', '.join(quirks)} cannot be tolerated by this protocol",
            what_to_do="Take it out of `quirks` of the profile.",
        )
    try:
        return LawLinkSection.model_validate({**said, **options})
    except ValidationError as error:
        raise DriverError(
            f"link options: {'; '.join(describe_mistakes(error, LawLinkSection))}",
            what_to_do="Correct the line's `link` table.",
        ) from error
