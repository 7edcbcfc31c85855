"""The `[protocol]` section of a profile that names `columns`: how a table is cut, named and spread over results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from middleware.driver.profile import describe_mistakes
from middleware.driver.rules import PathText, Section
from middleware.errors import DriverError


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


def _is_codec(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"unknown character encoding {name!r}") from error
    return name


Pattern = Annotated[str, AfterValidator(_compiles)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Word = Annotated[str, StringConstraints(min_length=1)]
PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]


class RowFate(StrEnum):
    """What becomes of a row that is no result."""

    SKIP = "skip"
    UNREAD = "unread"
    END = "end"


class RowRule(Section):
    """One kind of row that holds no result."""

    column: PathText | None = Field(
        default=None,
        description="The column that tells; without it the whole line as it stands.",
        examples=["Type"],
    )
    pattern: Pattern = Field(
        description="Regular expression for the whole text, upper and lower case alike.",
        examples=["Blank|Total.*"],
    )
    fate: RowFate = Field(
        description="`skip`: of no interest; `unread`: listed for a person; `end`: nothing from here on is read.",
        examples=["skip"],
    )
    reason: str = Field(
        default="",
        description="Why, for the person who finds an `unread` row.",
        examples=["The measurement failed."],
    )


class AlarmRule(Section):
    """Columns in which the analyzer raises alarms; each becomes an instrument flag of the row's results."""

    column: PathText | None = Field(default=None, description="The column.", examples=["Error"])
    headings: Pattern = Field(
        default="",
        description="Regular expression for headings of columns that are an alarm each; the heading is the flag.",
        examples=["Error\\(.*\\)"],
    )
    none: tuple[str, ...] = Field(
        default=(),
        description="Texts that mean that there is no alarm, beside the empty one.",
        examples=[["0"]],
    )
    separator: str = Field(
        default="", max_length=4, description="Between several alarms in one.", examples=[","]
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.column is None) == (not self.headings):
            raise ValueError("give either `column` or `headings`")
        return self


class UnitsRow(Section):
    """A row under the headings that holds the units of the test columns; told by its content."""

    column: PathText = Field(description="The column that tells.", examples=["Sample"])
    pattern: Pattern = Field(
        min_length=1, description="Regular expression for its whole text.", examples=["Units?"]
    )


class WideSection(Section):
    """Tables with a column for each test. Offers `column.test`, `column.value`, `column.unit` and what it names."""

    columns: tuple[PathText, ...] = Field(
        default=(), description="The columns that are tests.", examples=[["ALB", "AST"]]
    )
    after: PathText | None = Field(
        default=None,
        description="All columns behind this one that have a heading are tests.",
        examples=["Sequence No."],
    )
    pattern: Pattern = Field(
        default="",
        description="Regular expression for the headings of tests, with the group `test` and, where they hold it, "
        "`unit`; with `after`, for the columns behind.",
        examples=["(?P<test>.+?)\\((?P<unit>.*)\\)"],
    )
    followed_by: Mapping[PartName, str] = Field(
        default_factory=dict,
        description='Columns right behind each test, in order: name and the heading they must have (`""`: none).',
        examples=[{"unit": ""}],
    )
    beside: Mapping[PartName, ColumnName] = Field(
        default_factory=dict,
        description="Columns elsewhere that belong to a test: name and heading, with {test} for the test.",
        examples=[{"mark": "{test}/M"}],
    )
    units_row: UnitsRow | None = Field(
        default=None,
        description="The row with the units, where there is one.",
        examples=[{"column": "Sample", "pattern": "Units"}],
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if bool(self.columns) == bool(self.after or self.pattern):
            raise ValueError("give `columns`, or `after` and `pattern` or one of them")
        if self.pattern and "test" not in re.compile(self.pattern).groupindex:
            raise ValueError("`pattern` needs a group `test`: (?P<test>...)")
        taken = {"test", "value"} & {*self.followed_by, *self.beside}
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))} is the test's own column")
        return self

    @property
    def parts(self) -> frozenset[str]:
        """What a profile may name as `column.<part>`."""
        return frozenset({"test", "value", "unit", *self.followed_by, *self.beside})


class RepeatSection(Section):
    """Tables whose rows hold several results in repeated groups of columns. Offers `column.<name>`."""

    columns: Mapping[PartName, ColumnName] = Field(
        description="Name and heading of each column of a group, with {n} for the group's number, from 1.",
        examples=[{"test": "Test {n}", "value": "Result {n}"}],
    )

    @model_validator(mode="after")
    def _is_numbered(self) -> Self:
        if "value" not in self.columns:
            raise ValueError("`columns` needs a `value`")
        plain = [name for name, heading in self.columns.items() if "{n}" not in heading]
        if plain:
            raise ValueError(f"{', '.join(plain)}: the heading needs {{n}}, the group's number")
        return self

    @property
    def parts(self) -> frozenset[str]:
        """What a profile may name as `column.<part>`."""
        return frozenset(self.columns)


class ColumnsSettings(Section):
    """How the table of a file is read."""

    encoding: Annotated[str, AfterValidator(_is_codec)] | None = Field(
        default=None,
        description="Character encoding; none: the line's. A byte order mark and UTF-16 are recognised first.",
        examples=["utf-8"],
    )
    sylk: bool = Field(
        default=False,
        description="The file is a SYLK sheet (.slk); its cells need no delimiter.",
        examples=[True],
    )
    xml_row: str = Field(
        default="",
        max_length=120,
        description="The file is an XML document, and each element of this name a row; columns are `Element.attribute` "
        "of the element, of those around it and of those in it.",
        examples=["TestRequest"],
    )
    delimiter: str = Field(
        default=",",
        min_length=1,
        max_length=1,
        description="Between columns: , ; | or a tab.",
        examples=[";"],
    )
    quote: str = Field(
        default='"',
        max_length=1,
        description="Around texts that hold the delimiter; empty: none.",
        examples=[""],
    )
    heading: tuple[ColumnName, ...] = Field(
        default=(),
        description="Headings by which the heading row is found; the rows above it are the preamble.",
        examples=[["Sample ID", "Test", "Result"]],
    )
    names: tuple[ColumnName, ...] = Field(
        default=(),
        description="Names of the columns, in order, for files without headings.",
        examples=[["sample", "test", "value"]],
    )
    positions: Mapping[ColumnName, tuple[int, int]] = Field(
        default_factory=dict,
        description="Names of columns of fixed width, and their first and last character, from 1.",
        examples=[{"sample": [1, 12], "value": [20, 27]}],
    )
    preamble_separator: str = Field(
        default="",
        max_length=4,
        description="Between key and value above the headings.",
        examples=[":"],
    )
    optional: tuple[PathText, ...] = Field(
        default=(),
        description="Columns and preamble lines that a file may lack.",
        examples=[["Comment"]],
    )
    nothing: tuple[Word, ...] = Field(
        default=(),
        description="Texts that mean that there is nothing in a column, such as a dot.",
        examples=[["."]],
    )
    short_rows: bool = Field(
        default=False, description="Rows may end early; what they lack is empty.", examples=[True]
    )
    trailing_delimiter: bool = Field(
        default=False,
        description="Every row below the headings ends in one more delimiter.",
        examples=[True],
    )
    rows: tuple[RowRule, ...] = Field(
        default=(),
        description="Kinds of rows that hold no result; the first that fits counts.",
        examples=[[{"column": "Type", "pattern": "Blank", "fate": "skip"}]],
    )
    joined: Mapping[PartName, tuple[PathText, ...]] = Field(
        default_factory=dict,
        description="Texts that stand in several columns, read as `joined.<name>` with a blank between.",
        examples=[{"measured": ["Date", "Time"]}],
    )
    time_words: Mapping[Word, str] = Field(
        default_factory=dict,
        description="Parts of a time that are replaced before it is read, such as names of months.",
        examples=[{"Janvier": "01"}],
    )
    flag_separator: str = Field(
        default="", max_length=4, description="Between several flags in one column.", examples=[","]
    )
    alarms: tuple[AlarmRule, ...] = Field(
        default=(), description="Where alarms are.", examples=[[{"column": "Error", "none": ["0"]}]]
    )
    comments: tuple[PathText, ...] = Field(
        default=(),
        description="Columns whose text stands beside each result of the row.",
        examples=[["Comment"]],
    )
    sample_id_pattern: Pattern = Field(
        default="",
        description="Regular expression for a whole sample id; one that does not fit is in doubt, and held.",
        examples=["\\S+"],
    )
    wide: WideSection | None = Field(
        default=None, description="A column for each test.", examples=[{"after": "Sequence No."}]
    )
    repeat: RepeatSection | None = Field(
        default=None,
        description="Groups of columns in a row.",
        examples=[{"columns": {"test": "Test {n}", "value": "Result {n}"}}],
    )

    @model_validator(mode="after")
    def _columns_have_names(self) -> Self:
        if [bool(self.heading), bool(self.names), bool(self.positions)].count(True) != 1:
            raise ValueError("give one of `heading`, `names` and `positions`")
        if self.wide is not None and self.repeat is not None:
            raise ValueError("a table is `wide` or has groups that `repeat`, not both")
        if self.short_rows and self.trailing_delimiter:
            raise ValueError("rows that may be short cannot be told from rows with a delimiter")
        if self.delimiter == self.quote:
            raise ValueError("`delimiter` and `quote` are the same character")
        return self

    @model_validator(mode="after")
    def _positions_are_places(self) -> Self:
        for name, (first, last) in self.positions.items():
            if not 1 <= first <= last:
                raise ValueError(f"positions.{name}: give first and last character, from 1")
        return self

    @property
    def parts(self) -> frozenset[str]:
        """What a profile may name as `column.<part>`."""
        spread = self.wide or self.repeat
        return spread.parts if spread is not None else frozenset()


SECTIONS: tuple[type[Section], ...] = (
    ColumnsSettings,
    RowRule,
    AlarmRule,
    WideSection,
    UnitsRow,
    RepeatSection,
)
"""Every table of the section, for its reference."""


def read_settings(content: Mapping[str, object]) -> ColumnsSettings:
    """The checked section; DriverError that names every mistake."""
    try:
        return ColumnsSettings.model_validate(content)
    except ValidationError as error:
        mistakes = "; ".join(describe_mistakes(error, ColumnsSettings))
        raise DriverError(
            f"[protocol]: {mistakes}",
            what_to_do="Correct each key named; drivers/protocols/columns/README.md describes them.",
        ) from error
