"""The `[protocol]` section of a profile that names `framed`: how telegrams are framed and how their text is cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from drivers.protocols.columns.settings import (
    AlarmRule,
    ColumnName,
    ColumnsSettings,
    PartName,
    Pattern,
)
from drivers.protocols.framed.frame import Bytes, FrameSection
from middleware.driver.profile import LinkSection, describe_mistakes
from middleware.driver.rules import PathText, Section
from middleware.errors import DriverError

MOST_RESULTS = 10_000
"""In one telegram. A report has some hundreds; reading more would keep every other line waiting."""


def _are_places(places: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, int]]:
    for name, (first, last) in places.items():
        if not 1 <= first <= last:
            raise ValueError(f"{name}: give first and last place, from 1")
    return places


def _is_codec(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"unknown character encoding {name!r}") from error
    return name


def _as_join(value: object) -> object:
    return {"paths": value} if isinstance(value, list | tuple) else value


Places = Annotated[Mapping[ColumnName, tuple[int, int]], AfterValidator(_are_places)]


class GroupSection(Section):
    """Results that repeat in one telegram; each part is read as `column.<name>`."""

    start: int = Field(
        ge=1,
        description="First character of the first group, or number of its first field, from 1.",
        examples=[41],
    )
    width: int = Field(
        ge=1, le=4096, description="Characters or fields of one group.", examples=[11]
    )
    columns: Places = Field(
        description="Name, first and last character (or field) of each part, from 1 in its group.",
        examples=[{"test": [1, 2], "value": [3, 8], "flag": [9, 11]}],
    )
    count: int | PathText | None = Field(
        default=None,
        description="How many groups there are, or where the telegram says so; none: up to its end.",
        examples=["number"],
    )
    pattern: Pattern = Field(
        default="",
        description="Regular expression for a whole group of characters; another is listed as unread.",
        examples=["[0-9 ].*"],
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, (_, last) in self.columns.items():
            if last > self.width:
                raise ValueError(f"columns.{name}: give first and last place within the group")
        if isinstance(self.count, int) and not 1 <= self.count <= MOST_RESULTS:
            raise ValueError(f"count: 1 to {MOST_RESULTS}")
        return self


class JoinRule(Section):
    """Texts that stand in several places and belong together; a list of paths stands for one without `between`."""

    paths: tuple[PathText, ...] = Field(
        min_length=1, description="The places, in order.", examples=[["date", "time"]]
    )
    between: str = Field(
        default=" ", max_length=4, description="Stands between the texts.", examples=["T"]
    )


class FramedSettings(Section):
    """What a profile says of telegrams. Patterns for telegrams are compared with their beginning (1,024 characters)."""

    frame: FrameSection = Field(
        default=FrameSection(), description="How one is framed.", examples=[{"checksum": "sum_hex"}]
    )
    encoding: Annotated[str, AfterValidator(_is_codec)] = Field(
        default="", description="Character encoding; none: the line's.", examples=["ascii"]
    )
    results: Pattern = Field(
        default="",
        description="Regular expression for the beginning of telegrams that hold results; others are kept.",
        examples=["D .*"],
    )
    queries: Pattern = Field(
        default="",
        description="Regular expression for the beginning of telegrams that ask for orders.",
        examples=["R .*"],
    )
    shape: Pattern = Field(
        default="",
        description="Regular expression for the beginning of telegrams that the profile can read; any other telegram "
        "of results is refused.",
        examples=["D [0-9]{4}"],
    )
    positions: Places = Field(
        default_factory=dict,
        description="Names of fixed places: first and last character, from 1. A telegram that is shorter is refused.",
        examples=[{"sample": [3, 12], "sequence": [13, 16]}],
    )
    delimiter: Bytes = Field(
        default="", description="Between fields, instead of positions.", examples=["|"]
    )
    names: tuple[str, ...] = Field(
        default=(),
        description="Names of the fields, in order; empty: not read. A telegram with fewer is refused.",
        examples=[["kind", "sample", "", "value"]],
    )
    tags: int = Field(
        default=0,
        ge=0,
        le=8,
        description="Every field begins with so many characters that are its name.",
        examples=[2],
    )
    field_end: Bytes = Field(
        default="", description="Ends each tagged field and is not part of it.", examples=["<GS>"]
    )
    head: Mapping[PartName, Pattern] = Field(
        default_factory=dict,
        description="For listings: name and regular expression for a whole line whose first group is the text.",
        examples=[{"sample": "Sample ID: (.*)"}],
    )
    listed: Pattern = Field(
        default="",
        description="For listings: regular expression for a line that is a result, its parts as named groups.",
        examples=["(?P<test>\\S+) +(?P<value>\\S+) +(?P<unit>\\S*)"],
    )
    passed_over: Pattern = Field(
        default="",
        description="For listings: regular expression for lines of no interest; every other line is listed as unread.",
        examples=["-+"],
    )
    groups: GroupSection | None = Field(
        default=None,
        description="Results that repeat.",
        examples=[{"start": 41, "width": 11, "columns": {"test": [1, 2], "value": [3, 8]}}],
    )
    each: Mapping[PartName, Mapping[PartName, PathText]] = Field(
        default_factory=dict,
        description="Results of different kinds in one telegram: name, and the place of each part, read as "
        "`column.<part>`; `column.kind` is the name. Those without `value` in the telegram are left out.",
        examples=[{"quantity": {"value": "qn", "unit": "qu"}}],
    )
    parts: Mapping[PathText, Pattern] = Field(
        default_factory=dict,
        description="Texts that hold several things: path, and regular expression for the whole text, whose named "
        "groups are read as `part.<name>`. A result that does not fit is listed as unread.",
        examples=[{"qn": "(?P<value>[0-9.]+) (?P<unit>.*)"}],
    )
    joined: Mapping[PartName, Annotated[JoinRule, BeforeValidator(_as_join)]] = Field(
        default_factory=dict,
        description="Texts in several places, read as `joined.<name>`.",
        examples=[{"measured": ["date", "time"]}],
    )
    letters: tuple[PathText, ...] = Field(
        default=(),
        description="Texts in which every letter is a flag of its own; they are read with blanks between.",
        examples=[["column.flag"]],
    )
    nothing: tuple[str, ...] = Field(
        default=(), description="Texts that mean that there is nothing.", examples=[["----"]]
    )
    time_words: Mapping[str, str] = Field(
        default_factory=dict,
        description="Parts of a time that are replaced before it is read.",
        examples=[{"Jan": "01"}],
    )
    flag_separator: str = Field(
        default="", max_length=4, description="Between several flags.", examples=[" "]
    )
    alarms: tuple[AlarmRule, ...] = Field(
        default=(), description="Where alarms are.", examples=[[{"column": "column.alarm"}]]
    )
    comments: tuple[PathText, ...] = Field(
        default=(), description="Texts that stand beside each result.", examples=[["remark"]]
    )
    sample_id_pattern: Pattern = Field(
        default="",
        description="Regular expression for a whole sample id; another is in doubt, and held.",
        examples=["\\d{10}"],
    )

    @model_validator(mode="after")
    def _is_one_shape(self) -> Self:
        shapes = (self.positions, self.names, self.tags, self.head or self.listed)
        if [bool(one) for one in shapes].count(True) != 1:
            raise ValueError("give one of `positions`, `names`, `tags`, and `head` with `listed`")
        if bool(self.delimiter) != bool(self.names or self.tags):
            raise ValueError("`delimiter` belongs to `names` and `tags`")
        if self.field_end and not self.tags:
            raise ValueError("`field_end` belongs to `tags`")
        if (self.head or self.passed_over) and not self.listed:
            raise ValueError("`head` and `passed_over` need `listed`")
        return self

    @model_validator(mode="after")
    def _results_are_of_one_kind(self) -> Self:
        if self.groups is not None and not (self.positions or self.names):
            raise ValueError("`groups` belongs to `positions` and `names`")
        if self.groups is not None and self.groups.pattern and not self.positions:
            raise ValueError("groups.pattern: belongs to `positions`")
        if self.each and (self.groups is not None or self.listed):
            raise ValueError("`each` does not go with `groups` or `listed`")
        if any("value" not in parts or "kind" in parts for parts in self.each.values()):
            raise ValueError("`each`: every result needs a `value`, and `kind` is its name")
        return self

    @model_validator(mode="after")
    def _patterns_have_groups(self) -> Self:
        for name, pattern in self.head.items():
            if not re.compile(pattern).groups:
                raise ValueError(f"head.{name}: needs a group: (...)")
        if self.listed and not re.compile(self.listed).groupindex:
            raise ValueError("listed: needs named groups: (?P<value>...)")
        for path, pattern in self.parts.items():
            if not re.compile(pattern).groupindex:
                raise ValueError(f"parts.{path}: needs named groups: (?P<value>...)")
        return self

    @property
    def reading(self) -> ColumnsSettings:
        """What the readers of specimens and results need of it."""
        return ColumnsSettings(
            names=("row",),
            nothing=tuple(filter(None, self.nothing)),
            time_words=self.time_words,
            flag_separator=self.flag_separator or (" " if self.letters else ""),
            alarms=self.alarms,
            comments=self.comments,
            sample_id_pattern=self.sample_id_pattern,
        )


SECTIONS: tuple[type[Section], ...] = (
    FramedSettings,
    FrameSection,
    GroupSection,
    JoinRule,
    AlarmRule,
)
"""Every table of the section, for its reference."""


def read_settings(content: Mapping[str, object]) -> FramedSettings:
    """The checked section; DriverError that names every mistake."""
    try:
        return FramedSettings.model_validate(content)
    except ValidationError as error:
        mistakes = "; ".join(describe_mistakes(error, FramedSettings))
        raise DriverError(
            f"[protocol]: {mistakes}",
            what_to_do="Correct each key named; drivers/protocols/framed/README.md describes them.",
        ) from error


def check_link(profile: LinkSection, options: Mapping[str, object]) -> None:
    """Refuse options of other links: everything of this one stands in [protocol.frame]."""
    named = sorted({*profile.model_dump(exclude_defaults=True), *options})
    if named:
        raise DriverError(
            f"link options: {', '.join(named)} is not of this protocol",
            what_to_do="Write what the frame is like in [protocol.frame] of the driver's profile.",
        )
