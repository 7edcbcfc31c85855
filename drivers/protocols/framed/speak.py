"""Speaks as an analyzer with a framing of its own: the texts of a twin as one telegram.

Telegrams follow patterns of the profile. What the patterns do not allow is refused, and the twin draws other texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from drivers.protocols.framed.listing_text import first_group, write_listing
from drivers.protocols.framed.records import COLUMN, JOINED, KIND, PART
from drivers.protocols.framed.settings import FramedSettings, JoinRule
from drivers.protocols.framed.telegram_text import TelegramText
from middleware.driver.pattern_text import text_matching
from middleware.driver.profile import Profile
from middleware.driver.speak import Dialect, Said, Texts
from middleware.errors import DriverError
from middleware.wire.capture import from_lossless
from middleware.wire.framed import FramedLink, FrameSpec
from middleware.wire.link import Link

_FIXED_PART = re.compile(r"\(\?P<(\w+)>\.\{(\d+)\}")
_COMPARED = re.compile(r"^([<>]=?) *")
_VALUE = COLUMN + "value"


class FramedVoice:
    """The analyzer's side of one framed driver (`middleware.driver.speak.Voice`)."""

    def __init__(self, profile: Profile, settings: FramedSettings, spec: FrameSpec) -> None:
        self._profile, self._settings, self._spec = profile, settings, spec
        self._telegram = TelegramText(settings, profile.specimen.role)
        self.untold = ("host queries",) if settings.queries else ()
        self.dialect = self._make_dialect()

    def compose(self, said: Said, encoding: str) -> bytes:
        """One telegram with the results of one specimen. Raises DriverError when the profile's patterns refuse it."""
        if len(said.tubes) != 1:
            raise _refusal("a telegram holds the results of one specimen, and nothing else")
        (tube,) = said.tubes
        lots = Random(said.number)  # noqa: S311 - what nobody reads in a telegram
        head = self._unpacked({**tube.shared, **said.header}, lots)
        rows = [self._unpacked(texts, lots) for texts in tube.results]
        if self._settings.listed:
            lines = write_listing(self._settings, head, rows, lots)
            text = "\n".join([*lines, *self._last_line()])
        else:
            text = self._telegram.write(*self._each(head, rows), lots)
        try:
            return text.encode(self._settings.encoding or encoding)
        except UnicodeEncodeError as error:
            raise _refusal(f"{error.encoding} has no letter {text[error.start]!r}") from error

    def greeting(self, _said: Said, _encoding: str) -> tuple[bytes, ...]:
        """None: a telegram says everything."""
        return ()

    def is_taken(self, _reply: bytes) -> bool:
        """Always: a reply of another kind is no delivery."""
        return True

    def make_link(self) -> Link:
        """The driver's own framing, from the other end."""
        spec, joiner = self._spec, self._spec.joiner
        if joiner and joiner in spec.ends:  # a listing is one message of many lines
            spec = replace(spec, ends=(joiner * 3,), ends_message=(), silence_ends=False)
        return FramedLink(spec)

    # -- parts ------------------------------------------------------------------------------------

    def _make_dialect(self) -> Dialect:
        settings, profile = self._settings, self._profile
        own = {COLUMN}
        for path, pattern in settings.parts.items():
            if path.startswith(COLUMN):
                own |= {PART + name for name in re.compile(pattern).groupindex}
        for name, rule in settings.joined.items():
            if any(path in own or path.startswith(COLUMN) for path in rule.paths):
                own.add(JOINED + name)
        ids = dict.fromkeys(profile.specimen.sample_id.paths, settings.sample_id_pattern)
        heads = {name: first_group(pattern) for name, pattern in settings.head.items()}
        return Dialect(
            of_message=(),
            of_result=tuple(sorted(own)),
            sets=self._sets(),
            patterns={
                **heads,
                **self._telegram.digits(),
                **(ids if settings.sample_id_pattern else {}),
            },
            widths={**self._telegram.widths, **dict(_part_widths(settings.parts))},
            name_delimiter=" ",
            is_value_needed=True,
            time_words=settings.time_words,
        )

    def _sets(self) -> tuple[Texts, ...]:
        """The kinds of results that a telegram may hold, or the tests that fit into its groups."""
        each = self._settings.each
        if not each:
            return tuple([{COLUMN + "test": test} for test in self._telegram.tests()])
        lacking = {COLUMN + name for parts in each.values() for name in parts}
        return tuple(
            [
                {KIND: kind, **dict.fromkeys(lacking - {COLUMN + part for part in parts}, "")}
                for kind, parts in each.items()
            ]
        )

    def _unpacked(self, texts: Texts, lots: Random) -> dict[str, str]:
        """The texts where they stand in the telegram: joined ones apart, parts together."""
        apart: dict[str, str] = {}
        for path, text in texts.items():
            if path.startswith(JOINED):
                apart.update(_unjoined(text, self._settings.joined[path.removeprefix(JOINED)]))
            else:
                apart[path] = text
        for path, pattern in self._settings.parts.items():
            names = re.compile(pattern).groupindex
            said = {name: apart.pop(PART + name, "") for name in names}
            if any(said.values()):
                apart[path] = _put_together(pattern, said, lots)
        return apart

    def _each(
        self, head: dict[str, str], rows: list[dict[str, str]]
    ) -> tuple[dict[str, str], list[dict[str, str]]]:
        """Results of different kinds stand among the texts of the telegram itself."""
        each = self._settings.each
        if not each:
            return head, rows
        for row in rows:
            for part, path in each[row[KIND]].items():
                if text := row.get(COLUMN + part):
                    head[path] = text
        return head, []

    def _last_line(self) -> Iterable[str]:
        return [
            from_lossless(one).decode("latin-1") for one in self._settings.frame.ends_message[:1]
        ]


def _unjoined(text: str, rule: JoinRule) -> dict[str, str]:
    """The pieces of a text that stands in several places; the last place has it when it is in one piece."""
    count = len(rule.paths)
    pieces = _COMPARED.sub(r"\1 ", text).split(rule.between, count - 1)
    return dict(zip(rule.paths, [""] * (count - len(pieces)) + pieces, strict=True))


def _part_widths(parts: Mapping[str, str]) -> Iterable[tuple[str, int]]:
    for pattern in parts.values():
        for name, width in _FIXED_PART.findall(pattern):
            yield PART + name, int(width)


def _put_together(pattern: str, said: Texts, lots: Random) -> str:
    widths = {name: int(width) for name, width in _FIXED_PART.findall(pattern)}
    named = {name: text.ljust(widths.get(name, 0)) for name, text in said.items()}
    text = text_matching(pattern, lots, "", named)
    if text is None:
        raise _refusal(f"the parts {dict(said)} do not fit {pattern}")
    return text


def _refusal(why: str) -> DriverError:
    return DriverError(why, what_to_do="See [protocol] of the profile.", record=1)
