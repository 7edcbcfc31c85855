"""The `answer` table of a profile's `[protocol]`: how a host query is answered by analyzers that do not speak LAW."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from middleware.driver.order_section import OrderValue
from middleware.driver.rules import Section


class Place(StrEnum):
    """What a line may name beside the values of an order: of the query, of the answer, and of where a line stands."""

    SENDER = "sender"  # MSH-3 of the query, and so on
    SENDER_FACILITY = "sender_facility"
    RECEIVER = "receiver"
    RECEIVER_FACILITY = "receiver_facility"
    PROCESSING = "processing"
    VERSION = "version"
    CHARSET = "charset"
    ASKED = "asked"  # its MSH-10
    QUERY_TAG = "query_tag"  # its QPD-2
    QUERY_NAME = "query_name"  # its QPD-1
    NUMBER = "number"  # MSH-10 of the answer
    TYPE = "type"  # MSH-9 of the answer
    CODE = "code"  # MSA-1: AA, or AR where the profile refuses without work
    STATUS = "status"  # of the query: `found` or `none`
    SPECIMEN_NUMBER = "specimen_number"
    TEST_NUMBER = "test_number"  # within its specimen
    LINE = "line"
    TESTS = "tests"  # all codes of the specimen, each part once, joined by +
    PATIENT_NAME_PLAIN = "patient_name_plain"  # blanks between the parts
    BIRTH_TIME = "birth_time"  # birth date with a time of day


NAMES = frozenset(OrderValue) | frozenset(Place)
_NAMES_OF_VALUES = frozenset(OrderValue)


def _checked(line: str) -> str:
    """A line whose names are known, and nothing but names."""
    if not line.isprintable():
        raise ValueError("a line holds characters that cannot be printed")
    for _, name, form, conversion in Formatter().parse(line):
        if name is not None and (name not in NAMES or form or conversion):
            raise ValueError(f"{{{name}}} is not known; known are {', '.join(sorted(NAMES))}")
    return line


Line = Annotated[str, StringConstraints(min_length=3, max_length=400), AfterValidator(_checked)]


class WithoutWork(StrEnum):
    """What says that there is no work for anything asked."""

    ACKNOWLEDGEMENT = "acknowledgement"  # the acknowledgement alone, with the status `none`
    EMPTY = "empty"  # the message without specimens
    REFUSED = "refused"  # header and MSA with AR


class AnswerSection(Section):
    """How a query is answered, segment by segment; `{name}` stands for a value, escaped."""

    message: str = Field(
        max_length=20, description="Type of the answer (MSH-9).", examples=["DSR^Q03"]
    )
    acknowledgement: str = Field(
        default="",
        max_length=20,
        description="Type of a message that goes before it and says whether there is work; empty: there is none.",
        examples=["QCK^Q02"],
    )
    is_acknowledged: bool = Field(
        default=False,
        description="Whether the analyzer acknowledges the answer; else it is taken as soon as it is written.",
        examples=[True],
    )
    header: Line = Field(
        description="The header of both.",
        examples=["MSH|^~\\&|{receiver}||{sender}||{now}||{type}|{number}|P|2.3.1"],
    )
    status: tuple[Line, ...] = Field(
        description="The lines behind the header of both.",
        examples=[["MSA|{code}|{asked}", "QAK|SR|{status}|"]],
    )
    found: str = Field(
        default="OK", max_length=10, description="The status where there is work.", examples=["OK"]
    )
    none: str = Field(
        default="NF", max_length=10, description="The status where there is none.", examples=["NF"]
    )
    echo: tuple[str, ...] = Field(
        default=(),
        description="Segments of the query that stand in the answer unchanged, behind the status.",
        examples=[["QRD", "QRF"]],
    )
    specimen: tuple[Line, ...] = Field(
        default=(),
        description="The lines of each specimen.",
        examples=[["DSP|21||{sample_id}|||"]],
    )
    test: tuple[Line, ...] = Field(
        default=(),
        description="The lines of each test of a specimen, behind its own.",
        examples=[["DSP|{line}||{test_code}^^^|||"]],
    )
    after: tuple[Line, ...] = Field(
        default=(), description="The lines at the end.", examples=[["DSC||"]]
    )
    first_line: int = Field(
        default=1,
        ge=1,
        description="`{line}` of the first test of a specimen; the others count on.",
        examples=[29],
    )
    each: bool = Field(
        default=False,
        description="Whether each specimen gets a message of its own.",
        examples=[True],
    )
    without_work: WithoutWork = Field(
        default=WithoutWork.EMPTY,
        description="What says that there is none: `acknowledgement` (alone), `empty` (no specimen) or `refused` (AR).",
        examples=["refused"],
    )
    tables: Mapping[OrderValue, Mapping[str, str]] = Field(
        default_factory=dict,
        description="The analyzer's words for values; what is not there is written as it is.",
        examples=[{"priority": {"stat": "Y", "routine": "N"}}],
    )

    @model_validator(mode="after")
    def _can_say_no(self) -> Self:
        if self.without_work is WithoutWork.ACKNOWLEDGEMENT and not self.acknowledgement:
            raise ValueError(
                "`acknowledgement` is needed where it alone says that there is no work"
            )
        named = {name for line in (*self.specimen, *self.test) for name in _names(line)}
        if OrderValue.SAMPLE_ID not in named or not named & {OrderValue.TEST_CODE, Place.TESTS}:
            raise ValueError("`specimen` and `test` name {sample_id}, and {test_code} or {tests}")
        return self

    @property
    def writes_dilution(self) -> bool:
        """The analyzer can be told of a wished dilution."""
        return any(OrderValue.DILUTION in _names(line) for line in self.test)


def _names(line: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(line) if name}
