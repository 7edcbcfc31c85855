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
    SILENCE = "silence"


def _from_shorthand(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class OrderField(Section):
    """What is written at one place: a value, a text that is always the same, or what the query said."""

    # A profile that was read and written out again says `value`.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    value: OrderValue | None = Field(
        default=None, alias="from", description="The value.", examples=["sample_id"]
    )
    table: Mapping[str, str] = Field(
        default_factory=dict,
        description="The analyzer's words for the value; what is not in it is written as it is.",
        examples=[{"stat": "S", "routine": "R"}],
    )
    text: str | None = Field(default=None, description="The same text always.", examples=["Q"])
    query: PathText | None = Field(
        default=None,
        description="A place of the query, written back as it was; of the repeat that names the specimen.",
        examples=["Q-3.5"],
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(one is not None for one in (self.value, self.text, self.query)) != 1:
            raise ValueError("give one of `from`, `text` and `query`")
        if self.table and self.value is None:
            raise ValueError("a `table` needs `from`")
        return self


OrderPlace = Annotated[
    OrderField, BeforeValidator(_from_shorthand, json_schema_input_type=OrderValue | OrderField)
]


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
        description="What says that there is no work: no_information, no_order, unknown_specimen, no_tests or silence.",
        examples=["no_tests"],
    )
    terminator: str = Field(
        default="F",
        max_length=1,
        description="Code of the last record of an answer with work (LIS02-A2 12.3).",
        examples=["N"],
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
