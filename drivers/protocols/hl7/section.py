"""The `[protocol]` section of a profile that names the protocol `hl7`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator

from drivers.protocols.hl7.answer_section import AnswerSection
from drivers.protocols.hl7.link_options import Acknowledgement
from drivers.protocols.hl7.tables import TYPES_OF_ATTACHMENTS
from middleware.driver.profile import Profile, describe_mistakes
from middleware.driver.rules import PathField, PathText, Section, Words
from middleware.errors import DriverError


class TextRule(Section):
    """A place and the texts that count there."""

    path: PathText = Field(description="The field that tells.", examples=["OBX-29"])
    pattern: str = Field(
        min_length=1,
        description="Regular expression for the whole text, upper and lower case alike.",
        examples=["QST|SCI"],
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


def _listed(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


TextRules = Annotated[tuple[TextRule, ...], BeforeValidator(_listed)]


class Hl7Section(Section):
    """What only HL7 messages need."""

    acknowledge: Acknowledgement = Field(
        default=Acknowledgement.AS_ASKED,
        description="Acknowledgement that the analyzer understands; a line's `link` table may say otherwise.",
        examples=["original"],
    )
    not_results: Words = Field(
        default=TYPES_OF_ATTACHMENTS,
        description="Value types (OBX-2) that are no results: kept with their kind and size, content in the journal.",
        examples=[["ED", "RP"]],
    )
    supplements: TextRules = Field(
        default=(),
        description="Observations that say how it was measured, or of whom: kept, and no results.",
        examples=[[{"path": "OBX-29", "pattern": "QST|SCI"}]],
    )
    run: PathField | None = Field(
        default=None,
        description="Number of the run. Another text there keeps kinds of one test apart.",
        examples=["OBX-4"],
    )
    edited: TextRules = Field(
        default=(),
        description="Marks of a value that a person typed or changed at the analyzer.",
        examples=[[{"path": "OBX-8", "pattern": "E"}]],
    )
    empty_is_not_measured: bool = Field(
        default=False,
        description="A final observation without value and flag was not measured; it is no result.",
        examples=[True],
    )
    answer: AnswerSection | None = Field(
        default=None,
        description="How host queries are answered; without it they are acknowledged and kept.",
        examples=[
            {
                "message": "ORR^O02",
                "header": "MSH|^~\\&|{receiver}||||{now}||{type}|{number}|P|2.3.1",
                "status": ["MSA|{code}|{asked}"],
                "specimen": ["ORC|AF|{sample_id}", "OBR|1|{sample_id}||{tests}"],
            }
        ],
    )


def read_section(profile: Profile, model: type[BaseModel] = Hl7Section) -> Hl7Section:
    """The section of a profile; DriverError names every mistake. `model` may be a protocol's own extension."""
    try:
        section = model.model_validate(dict(profile.protocol))
    except ValidationError as error:
        mistakes = "; ".join(describe_mistakes(error, model))
        raise DriverError(
            f"{profile.id}: [protocol] has mistakes: {mistakes}",
            what_to_do="Correct each key named; drivers/protocols/hl7/README.md describes them.",
        ) from error
    if not isinstance(section, Hl7Section):
        raise TypeError(f"{model.__name__} is no Hl7Section")
    return section
