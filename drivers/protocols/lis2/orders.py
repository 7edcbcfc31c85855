"""Answers host queries with work: H, then P and O for each specimen, and L, as the profile's `[order]` says.

Delimiters are those of the query. What is asked about comes back in the order asked; for a specimen without work
stands what this analyzer is told then. Only what the profile names is written of a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from drivers.protocols.lis2.driver import Lis2Driver
from drivers.protocols.lis2.order_records import (
    NO_STEP,
    NOBODY,
    OrderGroup,
    OrderTexts,
    moment_text,
    record_of,
    text_bytes,
    text_of,
)
from drivers.protocols.lis2.paths import check_paths
from drivers.protocols.lis2.queries import QueryReader
from middleware.driver.api import AnswerContext, DecodeContext, EncodedAnswer
from middleware.driver.order_section import MessagesAs, Negative, OrderSection
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import HostQuery, SpecimenWork, WorkOrderStep
from middleware.wire.lis2 import Message, Path, Record
from middleware.wire.lis2.build import Raw, build_record
from middleware.wire.lis2.delimiters import Delimiters, escape

__all__ = ["OrderGroup", "OrderingLis2Driver", "record_of", "text_bytes"]

OUR_NAME = "LABWIRE"
_SENDER, _RECEIVER, _PROCESSING, _VERSION, _SENT_AT = 5, 10, 12, 13, 14  # LIS02-A2 clause 6
_ACTION, _REPORT = Path.parse("O-12"), Path.parse("O-26")
_OF_NEGATIVE = {
    Negative.NO_ORDER: {_ACTION: "C", _REPORT: "Y"},
    Negative.UNKNOWN_SPECIMEN: {_REPORT: "Z"},
    Negative.NO_TESTS: {},
}
_WITHOUT_WORK = "I"
_QUERY_STATUS, _QUERY_REFUSED = 13, "X"  # LIS02-A2 11.13


class _Asked(NamedTuple):
    """One query that asks for work, and its record."""

    query: HostQuery
    record: Record


class OrderingLis2Driver(Lis2Driver):
    """The driver of an analyzer that asks for work (`middleware.driver.api.OrderingDriver`)."""

    def __init__(self, profile: Profile, section: OrderSection) -> None:
        super().__init__(profile)
        check_paths("order", section.fields, "HPO")
        check_paths("order", section.without_work, "PO")
        for path, place in section.fields.items():
            check_paths("order", (place.query,), "H" if path.startswith("H") else "Q")
        self._section = section
        self._order_texts = OrderTexts(section)
        self._queries = QueryReader(profile.query)
        self._negative = dict(_OF_NEGATIVE.get(section.negative, {}))
        self._negative |= {Path.parse(path): text for path, text in section.without_work.items()}

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """That there is no work for anything asked (`middleware.driver.api.AnsweringDriver`)."""
        return tuple([one.text for one in self.answers(text, (), context)])

    def answers(
        self, text: bytes, work: Sequence[SpecimenWork], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        """The messages which give the analyzer `work`, and say where there is none.

        What cannot be written for a specimen (a letter that the analyzer does not have, a text too long for it) leaves
        out that specimen. Raises DriverError for a query that cannot be read, and when nothing of the work can be
        written.
        """
        decoding = DecodeContext(context.time_zone, context.encoding)
        message = self._parse(text, decoding)
        read = [_Asked(self._queries.read(one), one) for one in message.queries]
        open_queries = [one for one in read if not one.query.is_cancel]
        if not open_queries:
            return ()
        asking = [one for one in open_queries if one.query.is_for_work]
        if not asking:
            return (EncodedAnswer(self._nothing_known(message, context)),)
        groups = self._groups(asking, work)
        try:
            return self._messages(message, groups, context)
        except DriverError:  # of one specimen, mostly: the others are given
            groups = self._writable(groups, message.delimiters, context)
            return self._messages(message, groups, context)

    # -- inside -----------------------------------------------------------------------------------

    def _messages(
        self, message: Message, groups: Sequence[OrderGroup], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        if self._section.messages is MessagesAs.EACH and len(groups) > 1:
            return tuple(
                [one for group in groups for one in self._message(message, [group], context)]
            )
        return self._message(message, groups, context)

    def _groups(self, asking: Sequence[_Asked], work: Sequence[SpecimenWork]) -> list[OrderGroup]:
        """Those asked about, in that order; then what a range, a place or a query for everything brought."""
        found = {one.sample_id: self._order_texts.writable(one) for one in work}
        groups: dict[str, OrderGroup] = {}
        for one in asking:
            ends = {start for start, _ in one.query.ranges}
            for named in self._queries.named(one.record):
                if named.sample_id not in ends:
                    mine = found.get(named.sample_id) or _without_work(named.sample_id)
                    at = (one.record, named.repeat)
                    groups.setdefault(named.sample_id, OrderGroup(mine, at))
        rest = {name: one for name, one in found.items() if name not in groups}
        places = [one for one in asking if _is_by_place(one.query)]
        for one in places:
            mine = _standing_at(one.query, rest, is_alone=len(places) == len(asking) == 1)
            rest.pop(mine.sample_id, None)
            key = mine.sample_id or f"at record {one.record.index}"
            groups.setdefault(key, OrderGroup(mine, (one.record, 1)))
        return [*groups.values(), *[OrderGroup(one, None) for one in rest.values()]]

    def _writable(
        self, groups: Sequence[OrderGroup], marks: Delimiters, context: AnswerContext
    ) -> list[OrderGroup]:
        """Without the specimens that cannot be written; DriverError when no other has work."""
        kept: list[OrderGroup] = []
        refused: DriverError | None = None
        for group in groups:
            try:
                text_bytes(self._specimen(group, 1, marks, context), context.encoding)
            except DriverError as error:
                refused = error
            else:
                kept.append(group)
        if refused is not None and not any(group.work.steps for group in kept):
            raise refused
        return kept

    def _message(
        self, message: Message, groups: Sequence[OrderGroup], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        negative, marks = self._section.negative, message.delimiters
        steps = tuple([step.id for group in groups for step in group.work.steps])
        if not steps and negative is Negative.SILENCE:
            return ()
        records = [self._header(message, context)]
        if not steps and negative is Negative.QUERY_RETURNED:
            records += _returned(groups, message)
        number = 0
        for group in groups:
            if group.work.steps or negative in _OF_NEGATIVE:
                number += 1
                records += self._specimen(group, number, marks, context)
        records.append(build_record("L", {2: "1", 3: self._terminator(steps)}, marks))
        return (EncodedAnswer(text_bytes(records, context.encoding), steps),)

    def _terminator(self, steps: Sequence[int]) -> str:
        negative = self._section.negative
        if steps or negative in (Negative.NO_TESTS, Negative.QUERY_RETURNED):
            return self._section.terminator
        return "N" if negative is Negative.NO_ORDER else _WITHOUT_WORK

    def _nothing_known(self, message: Message, context: AnswerContext) -> bytes:
        """To a query for results or for people's data: there is no information (LIS02-A2 12.3)."""
        end = build_record("L", {2: "1", 3: _WITHOUT_WORK}, message.delimiters)
        return text_bytes([self._header(message, context), end], context.encoding)

    def _header(self, message: Message, context: AnswerContext) -> str:
        """Who answers whom, and when; the profile may say otherwise."""
        asked, marks = message.header, message.delimiters
        component = marks.component
        fields: dict[int, str] = {
            _SENDER: Raw(asked.field(_RECEIVER)) or OUR_NAME,
            _RECEIVER: Raw(asked.field(_SENDER)),
            _PROCESSING: Raw(asked.field(_PROCESSING)) or "P",
            _VERSION: Raw(asked.field(_VERSION)),
            _SENT_AT: moment_text(context.now, ZoneInfo(context.time_zone)),
        }
        for path_text, place in self._section.fields.items():
            path = Path.parse(path_text)
            if path.letter == "H":
                text = text_of(place, OrderGroup(NOBODY.work, (asked, 1)), NO_STEP, context)
                parts = [escape(part, marks) for part in text.split("^")]
                fields[path.field] = Raw(component.join(parts))
        return build_record("H", fields, marks)

    def _specimen(
        self, group: OrderGroup, number: int, marks: Delimiters, context: AnswerContext
    ) -> list[str]:
        steps = group.work.steps
        records = [record_of("P", number, self._texts("P", group, steps, context), marks)]
        for at, portion in enumerate(self._order_texts.portions(steps), start=1):
            texts = self._texts("O", group, portion, context)
            records.append(record_of("O", at, texts, marks))
        return records

    def _texts(
        self,
        letter: str,
        group: OrderGroup,
        steps: Sequence[WorkOrderStep],
        context: AnswerContext,
    ) -> dict[Path, str]:
        """The text of each place of one record, and what stands there instead without work."""
        texts = self._order_texts.texts(letter, group, steps, context)
        if not steps:
            for path, text in self._negative.items():
                if path.letter == letter:
                    texts = {one: said for one, said in texts.items() if one.field != path.field}
                    texts[path] = text
        return texts


def _without_work(sample_id: str) -> SpecimenWork:
    return SpecimenWork(sample_id=sample_id, steps=())


def _is_by_place(query: HostQuery) -> bool:
    """One tube by its place alone; a rack without a position may hold several."""
    return bool(query.position) and not (query.sample_ids or query.ranges or query.is_for_all)


def _standing_at(
    query: HostQuery, work: dict[str, SpecimenWork], *, is_alone: bool
) -> SpecimenWork:
    """The work of the tube that stands where the query says; work without an id or a test where there is none."""
    there = [
        one
        for one in work.values()
        if (one.carrier, one.position) == (query.carrier, query.position)
        or (is_alone and len(work) == 1)
    ]
    return there[0] if len(there) == 1 else _without_work("")


def _returned(groups: Sequence[OrderGroup], message: Message) -> list[str]:
    """The query's own records, with the status that says that it cannot be done."""
    records = {id(group.asked_at[0]): group.asked_at[0] for group in groups if group.asked_at}
    asked = list(records.values()) or message.queries
    return [_refused(record, message.delimiters) for record in asked]


def _refused(record: Record, marks: Delimiters) -> str:
    fields = {at: Raw(text) for at, text in enumerate(record.fields()[1:], start=2)}
    return build_record("Q", {**fields, _QUERY_STATUS: _QUERY_REFUSED}, marks)
