"""The `[protocol]` section of a profile that names `framed`: how telegrams are framed and how their text is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from drivers.protocols.columns.settings import AlarmRule, ColumnsSettings, Pattern, Scale
from middleware.driver.profile import LinkSection, describe_mistakes
from middleware.driver.rules import PathText, Section
from middleware.errors import DriverError
from middleware.wire.capture import from_lossless
from middleware.wire.framed import ChecksumKind, FrameSpec


def _is_bytes(text: str) -> str:
    try:
        from_lossless(text)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"cannot be read: {error}; write control characters by name, as <STX>"
        ) from error
    return text


Bytes = Annotated[str, AfterValidator(_is_bytes)]
Places = Mapping[str, tuple[int, int]]


class FrameSection(Section):
    """How one telegram is framed. Control characters are written by name: <STX>, <CR>, <x9F>."""

    start: Bytes = Field(default="<STX>", description="Begins a frame; empty: lines.")
    ends: tuple[Bytes, ...] = Field(default=("<ETX>",), description="Each of them ends a frame.")
    length: int | None = Field(
        default=None, ge=1, le=65536, description="Length of the text instead of an end, in bytes."
    )
    checksum: ChecksumKind = Field(default=ChecksumKind.NONE, description="How a frame is proved.")
    checksum_before_end: bool = Field(
        default=False, description="The checksum stands before the end, not behind it."
    )
    covers_start: bool = Field(default=False, description="The checksum includes the start.")
    covers_end: bool = Field(default=True, description="The checksum includes the end.")
    trailer: Bytes = Field(default="", description="Behind the checksum, as <CR><LF>.")
    goes_on: Bytes = Field(
        default="", description="The end which says that the text goes on in the next frame."
    )
    repeated_prefix: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="So many characters of that frame only repeat the first one's.",
    )
    ends_message: tuple[Bytes, ...] = Field(
        default=(), description="Beginnings of telegrams that end a message; none: each is one."
    )
    silence_ends: bool = Field(default=False, description="A message ends when nothing comes.")
    joiner: Bytes = Field(default="", description="Stands between the telegrams of a message.")
    ack: Bytes = Field(default="<ACK>", description="Our acknowledgement; empty: none is expected.")
    nak: Bytes = Field(default="<NAK>", description="Our refusal; empty: none is expected.")
    ack_min_s: float = Field(
        default=0.0, ge=0, le=30, description="Seconds before which the analyzer does not listen."
    )
    ack_max_s: float = Field(
        default=9.0,
        gt=0,
        le=120,
        description="Latest reply, in seconds; then the message is refused.",
    )
    enquiry: Bytes = Field(
        default="", description="What asks whether we are there; answered by `ack`."
    )
    ignored: Bytes = Field(default="", description="Bytes between frames that mean nothing.")
    silence_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Silence that ends a frame or a message, in seconds.",
    )
    max_frame_bytes: int = Field(
        default=65536, ge=16, le=16 * 1024 * 1024, description="Longest frame, in bytes."
    )

    def spec(self) -> FrameSpec:
        """The framing as the link takes it. Raises ValueError for what cannot work."""
        ends = () if self.length is not None else tuple(map(from_lossless, self.ends))
        return FrameSpec(
            start=from_lossless(self.start),
            ends=ends,
            length=self.length,
            checksum=self.checksum,
            checksum_before_end=self.checksum_before_end,
            covers_start=self.covers_start,
            covers_end=self.covers_end,
            trailer=from_lossless(self.trailer),
            goes_on=from_lossless(self.goes_on),
            repeated_prefix=self.repeated_prefix,
            ends_message=tuple(map(from_lossless, self.ends_message)),
            silence_ends=self.silence_ends,
            joiner=from_lossless(self.joiner),
            ack=from_lossless(self.ack),
            nak=from_lossless(self.nak),
            ack_min_s=self.ack_min_s,
            ack_max_s=self.ack_max_s,
            enquiry=from_lossless(self.enquiry),
            ignored=from_lossless(self.ignored),
            silence_s=self.silence_s,
            max_frame_bytes=self.max_frame_bytes,
        )

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        self.spec()
        return self


class GroupSection(Section):
    """Results that repeat in one telegram; each part is read as `column.<name>`."""

    start: int = Field(
        ge=1,
        description="First character of the first group, or number of its first field, from 1.",
    )
    width: int = Field(ge=1, le=4096, description="Characters or fields of one group.")
    columns: Places = Field(
        description="Name, first and last character (or field) of each part, from 1 in its group."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, (first, last) in self.columns.items():
            if not 1 <= first <= last <= self.width:
                raise ValueError(f"columns.{name}: give first and last place within the group")
        if "value" not in self.columns:
            raise ValueError("`columns` needs a `value`")
        return self


class FramedSettings(Section):
    """What a profile says of telegrams."""

    frame: FrameSection = Field(default=FrameSection(), description="How one is framed.")
    results: Pattern = Field(
        default="(?s).*",
        description="Regular expression for telegrams that hold results; others are kept.",
    )
    skipped: Pattern = Field(
        default="",
        description="Regular expression for telegrams of no interest, such as a begin and an end.",
    )
    queries: Pattern = Field(
        default="", description="Regular expression for telegrams that ask for orders."
    )
    positions: Places = Field(
        default_factory=dict, description="Names of fixed places: first and last character, from 1."
    )
    delimiter: Bytes = Field(default="", description="Between fields, instead of positions.")
    names: tuple[str, ...] = Field(
        default=(), description="Names of the fields, in order; empty: not read."
    )
    tags: int = Field(
        default=0,
        ge=0,
        le=8,
        description="Every field begins with so many characters that are its name.",
    )
    field_end: Bytes = Field(
        default="", description="Ends each tagged field and is not part of it."
    )
    head: Mapping[str, Pattern] = Field(
        default_factory=dict,
        description="For listings: name and regular expression whose first group is the text.",
    )
    listed: Pattern = Field(
        default="",
        description="For listings: regular expression of a result, its parts as named groups.",
    )
    groups: GroupSection | None = Field(default=None, description="Results that repeat.")
    nothing: tuple[str, ...] = Field(
        default=(), description="Texts that mean that there is nothing."
    )
    joined: Mapping[str, tuple[PathText, ...]] = Field(
        default_factory=dict,
        description="Texts in several places, as `joined.<name>` with a blank between.",
    )
    time_words: Mapping[str, str] = Field(
        default_factory=dict, description="Parts of a time that are replaced before it is read."
    )
    flag_separator: str = Field(default="", max_length=4, description="Between several flags.")
    alarms: tuple[AlarmRule, ...] = Field(default=(), description="Where alarms are.")
    comments: tuple[PathText, ...] = Field(
        default=(), description="Texts that stand beside each result."
    )
    sample_id_pattern: Pattern = Field(
        default="",
        description="Regular expression for a whole sample id; another is in doubt, and held.",
    )
    scales: Mapping[str, Scale] = Field(
        default_factory=dict, description="What each unit means; when given, any other is held."
    )

    @model_validator(mode="after")
    def _is_one_shape(self) -> Self:
        shapes = (self.positions, self.names, self.tags, self.head or self.listed)
        if [bool(one) for one in shapes].count(True) != 1:
            raise ValueError("give one of `positions`, `names`, `tags`, and `head` with `listed`")
        if bool(self.delimiter) != bool(self.names or self.tags):
            raise ValueError("`delimiter` belongs to `names` and `tags`")
        if self.groups is not None and (self.tags or self.listed):
            raise ValueError("`groups` belongs to `positions` and `names`")
        for name, (first, last) in self.positions.items():
            if not 1 <= first <= last:
                raise ValueError(f"positions.{name}: give first and last character, from 1")
        return self

    @property
    def reading(self) -> ColumnsSettings:
        """What the readers of specimens and results need of it."""
        return ColumnsSettings(
            names=("row",),
            nothing=self.nothing,
            time_words=self.time_words,
            flag_separator=self.flag_separator,
            alarms=self.alarms,
            comments=self.comments,
            sample_id_pattern=self.sample_id_pattern,
            scales=self.scales,
        )


SECTIONS: tuple[type[Section], ...] = (FramedSettings, FrameSection, GroupSection, AlarmRule, Scale)
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
