"""The section `order` of driver.toml: how work is written for an analyzer, path by path."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from middleware.driver.rules import PathText, Section
from middleware.model import Priority


class OrderValue(StrEnum):
    """What can be written of an order. Whatever a profile does not name, the analyzer is not told."""

    SAMPLE_ID = "sample_id"
    TEST_CODE = "test_code"
    PRIORITY = "priority"
    PLACER_NUMBER = "placer_number"
    SPECIMEN_TYPE = "specimen_type"
    PATIENT_ID = "patient_id"
    PATIENT_NAME = "patient_name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    COLLECTED_AT = "collected_at"
    NOW = "now"
    DILUTION = "dilution"
    CARRIER = "carrier"
    POSITION = "position"
    MESSAGE_ID = "message_id"


class TestsAs(StrEnum):
    """How several tests of a specimen are written."""

    REPEATS = "repeats"  # one order record, the tests as repeats of the field
    RECORDS = "records"  # one order record for each


class MessagesAs(StrEnum):
    """How several specimens of one query are answered."""

    ONE = "one"
    EACH = "each"


class Negative(StrEnum):
    """What says that there is no work for a specimen (LIS02-A2 8.4.26, 12.3)."""

    NO_INFORMATION = "no_information"  # no order, terminator I
    NO_ORDER = "no_order"  # the specimen, cancelled, report type Y
    UNKNOWN_SPECIMEN = "unknown_specimen"  # the specimen, report type Z, terminator I
    NO_TESTS = "no_tests"  # the specimen without a test
    QUERY_RETURNED = "query_returned"  # the query itself, status X
    SILENCE = "silence"


def _from_shorthand(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class OrderField(Section):
    """What is written at one place: a value, a text that is always the same, or what the query said.

    `from` and `query` together: as the query wrote it, padding and all; the value where no query names the specimen.
    """

    # A profile that was read and written out again says `value`.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    value: OrderValue | None = Field(
        default=None, alias="from", description="The value.", examples=["sample_id"]
    )
    table: Mapping[str, str] = Field(
        default_factory=dict,
        description="The analyzer's words for the value, or for what the query said; what is not in it is written as "
        "it is.",
        examples=[{"stat": "S", "routine": "R"}],
    )
    text: str | None = Field(default=None, description="The same text always.", examples=["Q"])
    query: PathText | None = Field(
        default=None,
        description="A place of the query, written back as it was; of the repeat that names the specimen. A header "
        "field may repeat one of the query's header.",
        examples=["Q-3.5"],
    )
    longest: int | None = Field(
        default=None,
        gt=0,
        description="Most characters. A longer name is cut; a specimen with any other longer text is not given.",
        examples=[25],
    )
    up_to: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="Only what stands before this mark in the code, where results add something behind it.",
        examples=["/"],
    )
    once_up_to: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="Beginning of a test code, up to this mark, that the tests of one record share: written for the "
        "first of them; the others stand without it and without components before. Other beginnings get a record of "
        "their own.",
        examples=["+"],
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [one is not None for one in (self.value, self.text, self.query)]
        if (self.text is None and not any(said)) or (self.text is not None and sum(said) > 1):
            raise ValueError("give `from`, `query` or both, or else `text`")
        if self.table and self.text is not None:
            raise ValueError("a `table` needs `from` or `query`")
        if (self.once_up_to or self.up_to) and self.value is not OrderValue.TEST_CODE:
            raise ValueError("`once_up_to` and `up_to` are about test codes")
        return self


OrderPlace = Annotated[
    OrderField, BeforeValidator(_from_shorthand, json_schema_input_type=OrderValue | OrderField)
]


class DownloadSection(Section):
    """What is different in orders that the analyzer did not ask for (LIS02-A2 8.4.12, 8.4.26)."""

    new: str = Field(
        default="N", max_length=1, description="Action code (O-12) of a new tube.", examples=["A"]
    )
    add: str = Field(
        default="A",
        max_length=1,
        description="Action code of more tests for a tube that the analyzer was given before.",
        examples=["N"],
    )
    cancel: str = Field(
        default="",
        max_length=1,
        description="Action code that takes tests back; empty: the analyzer cannot be told.",
        examples=["C"],
    )
    change: str = Field(
        default="",
        max_length=1,
        description="Action code of tests whose priority changed; empty: the analyzer cannot be told.",
        examples=["A"],
    )
    report: str = Field(
        default="O",
        max_length=1,
        description="Report type (O-26), where the profile writes one.",
        examples=["Q"],
    )
    terminator: str = Field(
        default="N", max_length=1, description="Code of the last record.", examples=["F"]
    )


class OrderSection(Section):
    """How work is written for the analyzer."""

    fields: Mapping[PathText, OrderPlace] = Field(
        description="What stands where.",
        examples=[{"O-3": "sample_id", "O-5.4": "test_code"}],
    )
    tests: TestsAs = Field(
        default=TestsAs.REPEATS,
        description="Several tests: `repeats` of one record's field, or `records` of their own.",
        examples=["records"],
    )
    messages: MessagesAs = Field(
        default=MessagesAs.ONE,
        description="Several specimens of a query: `one` message for all, or `each` its own.",
        examples=["each"],
    )
    negative: Negative = Field(
        default=Negative.NO_INFORMATION,
        description="What says that there is no work: no_information, no_order, unknown_specimen, no_tests, "
        "query_returned or silence.",
        examples=["no_tests"],
    )
    without_work: Mapping[PathText, str] = Field(
        default_factory=dict,
        description="What stands in the records of a specimen without work in place of what else would stand there.",
        examples=[{"O-26": "Y"}],
    )
    terminator: str = Field(
        default="F",
        max_length=1,
        description="Code of the last record of an answer with work (LIS02-A2 12.3).",
        examples=["N"],
    )
    download: DownloadSection | None = Field(
        default=None,
        description="Given: the analyzer also takes orders that it did not ask for, written so.",
        examples=[{"cancel": "C"}],
    )

    @model_validator(mode="after")
    def _names_specimen_and_test(self) -> Self:
        said = {place.value for place in self.fields.values()}
        for needed in (OrderValue.SAMPLE_ID, OrderValue.TEST_CODE):
            if needed not in said:
                raise ValueError(f"no place is given for {needed.value}")
        return self


PRIORITY_CODES: Mapping[str, str] = {
    Priority.STAT: "S",
    Priority.ASAP: "A",
    Priority.ROUTINE: "R",
    Priority.CALLBACK: "C",
    Priority.PREOPERATIVE: "P",
}
"""LIS02-A2 8.4.6, for profiles that give no table."""
