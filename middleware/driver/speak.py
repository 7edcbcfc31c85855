"""What a driver's protocol can say in the analyzer's place: texts at the places of a profile, written as a message.

A test bench speaks as an analyzer by turning its profile round: for each path a text. How texts become records,
segments, rows or telegrams only the protocol knows; it offers that as a `Voice`. A driver without one has no twin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from middleware.model import AbnormalFlag, ResultStatus
from middleware.wire.link import Link

Texts = Mapping[str, str]
"""Path to text, both as the profile writes them. A text may hold the usual component delimiter as structure."""


@dataclass(frozen=True, slots=True)
class SaidTube:
    """One specimen: the texts that its results share, and those of each result."""

    shared: Texts
    results: tuple[Texts, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One message: the texts of its header, its specimens, or a host query.

    `moment` is when it is said, as the protocol's header writes it; `number` counts messages from 1; `is_file`: it is
    written as a file and not sent.
    """

    header: Texts
    tubes: tuple[SaidTube, ...] = ()
    query: Texts | None = None
    moment: str = ""
    number: int = 1
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the inversion of a profile must know of its protocol.

    `of_message`, `of_result`: paths that a whole message shares, and that each result has for itself, or their
    beginnings up to a mark (`R-`, `column.`); all others a specimen shares. `flags`, `statuses`: codes where the
    profile has no table. `control`: place and text of the standard's own mark of a control. `sets`: texts that only
    occur together (a column with its unit), of which a result takes one. `patterns`: how a text must be written;
    `widths`: how long it may be. `name_delimiter` stands between the parts of a name, `component` between those of a
    field. `is_value_needed`: an empty value is no result. `of_controls`: beginnings of paths that only a control has.
    `time_words`: words of a time, and what they stand for.
    """

    of_message: tuple[str, ...]
    of_result: tuple[str, ...]
    flags: Mapping[str, AbnormalFlag] = field(default_factory=dict)
    statuses: Mapping[str, ResultStatus] = field(default_factory=dict)
    control: tuple[str, str] | None = None
    sets: tuple[Texts, ...] = ()
    patterns: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    time_format: str = "%Y%m%d%H%M%S"
    name_delimiter: str = "^"
    component: str = ""
    is_value_needed: bool = False
    of_controls: tuple[str, ...] = ()
    time_words: Mapping[str, str] = field(default_factory=dict)


class Voice(Protocol):
    """The analyzer's side of one driver. Pure, like the driver."""

    @property
    def dialect(self) -> Dialect:
        """What the texts must be like."""
        ...

    @property
    def untold(self) -> tuple[str, ...]:
        """What the profile says and this voice cannot say, each as a sentence."""
        ...

    def compose(self, said: Said, encoding: str) -> bytes:
        """The message. Raises DriverError that names the path whose text cannot be written."""
        ...

    def greeting(self, said: Said, encoding: str) -> tuple[bytes, ...]:
        """The messages with which a conversation begins, before the first one with results."""
        ...

    def is_taken(self, reply: bytes) -> bool:
        """Whether the host's reply to a message (b"" where the protocol has none) says that the host has it."""
        ...

    def make_link(self) -> Link:
        """A link in the analyzer's role, with the profile's quirks. Raises DriverError where there are only files."""
        ...


@runtime_checkable
class SpeakingDriver(Protocol):
    """A driver whose protocol can also speak as the analyzer."""

    def voice(self) -> Voice:
        """The analyzer's side."""
        ...


Part = tuple[int, int, int]
"""Repeat, component and sub-component of a field, from 1; 0: all of what is left of it."""


def written_field(
    parts: Mapping[Part, str], marks: tuple[str, str, str], escape: Callable[[str], str]
) -> str:
    """One field from its parts. `marks` stand between repeats, components and sub-components.

    Text is escaped, but for the component mark in a part that is not cut further: it is structure, as in a whole name.
    """
    repeat, component, sub = marks
    repeats: dict[int, dict[int, dict[int, str]]] = {}
    for (at_repeat, at_component, at_sub), text in sorted(parts.items()):
        components = repeats.setdefault(at_repeat or 1, {})
        if not at_component:
            for number, piece in enumerate(text.split(component), start=1):
                components.setdefault(number, {})[1] = escape(piece)
        else:
            components.setdefault(at_component, {})[at_sub or 1] = escape(text)
    return _spread(
        {
            at: _spread({one: _spread(subs, sub) for one, subs in components.items()}, component)
            for at, components in repeats.items()
        },
        repeat,
    )


def _spread(parts: Mapping[int, str], mark: str) -> str:
    return mark.join([parts.get(at, "") for at in range(1, max(parts, default=0) + 1)])
