"""Reads a whole message into an Envelope: results bound to their own specimen, queries, and what stayed unread."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.law.groups import Contained, Ordered, group_segments
from drivers.protocols.law.paths import check_paths, locate
from drivers.protocols.law.queries import QueryFault, host_query, is_query, read_asked
from drivers.protocols.law.results import Place, ResultReader, read_notes
from drivers.protocols.law.sent_value import ATTACHED
from drivers.protocols.law.specimens import SpecimenReader, control_comments
from drivers.protocols.law.tables import STEP_REASONS, QueryScope
from middleware.driver.api import AnalyzerIdentity, DecodeContext
from middleware.driver.mapping import text_reader
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import (
    AnalyzerStatus,
    Comment,
    Envelope,
    Fault,
    HostQuery,
    Result,
    SampleRole,
    SourcePointer,
    Specimen,
    Unread,
    proven,
)
from middleware.wire.hl7 import Message, Segment

_HEADER = "MSH"
_LONGEST_STATUS_TEXT = 200  # the journal keeps the whole segment
_MOST_STATUSES = 50
_RESULT_KINDS = frozenset(("OUL", "ORU"))
_NO_RESULT = "the order has no result"
_NOTES = {
    "line_feed_separators": "segments are ended by LF or CR LF instead of CR",
    "byte_order_mark": "a byte order mark stands before the header",
    "delimiters_damaged": "MSH-2 is damaged; the usual delimiters were taken",
    "undecodable_bytes": "bytes do not fit the character set and are marked in the text",
}
_new_envelope = proven(Envelope)
_new_unread = proven(Unread)


class MessageReader:
    """I read messages by one profile. I keep nothing from one message to the next."""

    def __init__(self, profile: Profile, scopes: Mapping[str, QueryScope]) -> None:
        _check(profile)
        self._profile = profile
        self._scopes = scopes
        header = profile.header
        self._analyzer = text_reader(header.analyzer, locate)
        self._serial = text_reader(header.serial, locate)
        self._control_id = text_reader(header.control_id, locate)
        self._sent_at = text_reader(header.sent_at, locate)
        self._identify = [
            (path, locate(path), (wanted,) if isinstance(wanted, str) else wanted)
            for path, wanted in profile.identify.items()
        ]
        self._specimens = SpecimenReader(profile.specimen)
        self._results = ResultReader(profile)

    def identity(self, message: Message) -> AnalyzerIdentity:
        """Who the message says that it is from."""
        header = {_HEADER: message.header}
        return AnalyzerIdentity(
            self._analyzer(header),
            self._serial(header),
            self._sent_at(header),
            self._complaint(message)[0],
        )

    def read(self, message: Message, context: DecodeContext) -> Envelope:
        """The message as an Envelope; DriverError when it is another analyzer's or no single message."""
        complaint, path = self._complaint(message)
        if complaint:
            raise DriverError(
                complaint,
                what_to_do="Check the cable and the line's `driver`; then replay the message.",
                record=1,
                field=path,
            )
        _refuse_several(message)
        header = {_HEADER: message.header}
        reading = _Reading(self._specimens, self._results, message, context)
        queries, faults = self._read_queries(message)
        is_result = message.header.get("MSH-9.1").strip().upper() in _RESULT_KINDS
        if is_result:
            reading.read()
        return _new_envelope(
            analyzer=self._analyzer(header),
            analyzer_serial=self._serial(header),
            message_control_id=self._control_id(header),
            sent_at_text=self._sent_at(header),
            results=tuple(reading.results),
            queries=queries,
            statuses=() if is_result or queries or faults else _statuses(message),
            unread=tuple(reading.unread),
            faults=(*faults, *reading.faults, *_notes(message)),
            quirks=(),
        )

    def _complaint(self, message: Message) -> tuple[str, str]:
        for path, text_of, wanted in self._identify:
            found = text_of({_HEADER: message.header})
            if found not in wanted:
                expected = f"{self._profile.id} expects {' or '.join(map(repr, wanted))}"
                return f"wrong analyzer on this line: {path} is {found!r}, {expected}", path
        return "", ""

    def _read_queries(self, message: Message) -> tuple[tuple[HostQuery, ...], tuple[Fault, ...]]:
        if not is_query(message):
            return (), ()
        asked = read_asked(message, self._scopes)
        if isinstance(asked, QueryFault):
            place = asked.error.locations[0] if asked.error.locations else None
            named = f"{place.segment}-{place.field}" if place is not None else ""
            return (), (Fault(code="query_refused", text=asked.text, field=named),)
        return (host_query(asked),), ()


class _Reading:
    """I collect what one message holds."""

    def __init__(
        self,
        specimens: SpecimenReader,
        results: ResultReader,
        message: Message,
        context: DecodeContext,
    ) -> None:
        self.results: list[Result] = []
        self.unread: list[Unread] = []
        self.faults: list[Fault] = []
        self._specimens = specimens
        self._results = results
        self._message = message
        self._time_zone = context.time_zone

    def read(self) -> None:
        """Every group of the message."""
        for group in group_segments(self._message):
            specimen = self._specimens.read(group, self._message.header)
            said = control_comments(group) if specimen.role is not SampleRole.PATIENT else ()
            for obx in group.about:
                text = "an observation of the specimen itself is kept in the message only"
                self.faults.append(_fault("specimen_observation", text, obx))
            for order in group.orders:
                self._read_order(order, specimen, said)
            if not group.orders:
                self.unread.append(_empty(group, specimen))

    def _read_order(self, order: Ordered, specimen: Specimen, said: tuple[Comment, ...]) -> None:
        if not order.observed:
            self.unread.append(_status_only(order, specimen))
            return
        place = Place(specimen, order, said, self._time_zone)
        for observed in order.observed:
            obx = observed.obx
            kind = obx.get("OBX-2").strip().upper()
            if kind in ATTACHED:
                size = len(obx.field(5))
                text = f"OBX-3 {obx.get('OBX-3.1')!r}: {kind} with {size} characters is kept in the message only"
                self.faults.append(_fault("attachment", text, obx))
            else:
                self.results.append(self._results.read(observed, place))


def _status_only(order: Ordered, specimen: Specimen) -> Unread:
    """An order without OBX: its state changed, or the test could not be done."""
    code = order.orc.get("ORC-5").strip() if order.orc is not None else ""
    reason = STEP_REASONS.get(code, _NO_RESULT)
    test = order.obr.get("OBR-4.1").strip() if order.obr is not None else ""
    comments, _ = read_notes(order.notes, frozenset())
    return _new_unread(
        sample_id=specimen.sample_id,
        reason=" ".join(
            part
            for part in (f"{test}:" if test else "", reason, f"(ORC-5 is {code})" if code else "")
            if part
        ),
        record=order.obr.index if order.obr is not None else 0,
        comments=comments,
    )


def _empty(group: Contained, specimen: Specimen) -> Unread:
    first = group.spm or (group.sacs[0] if group.sacs else None)
    return _new_unread(
        sample_id=specimen.sample_id,
        reason="the specimen has no order",
        record=first.index if first is not None else 0,
        comments=(),
    )


def _fault(code: str, text: str, segment: Segment) -> Fault:
    return Fault(code=code, text=text, record=segment.index, field=segment.name)


def _notes(message: Message) -> tuple[Fault, ...]:
    """What had to be tolerated or mended in reading the bytes."""
    return tuple(
        [Fault(code=note, text=_NOTES.get(note, "tolerated in reading")) for note in message.notes]
    )


def _refuse_several(message: Message) -> None:
    second = message.segment(_HEADER, 2)
    if second is not None:
        raise DriverError(
            "a second header stands inside the message; its results could be another's",
            what_to_do="Look at the raw message; report the analyzer's behaviour.",
            record=second.index,
            field=_HEADER,
        )


def _statuses(message: Message) -> tuple[AnalyzerStatus, ...]:
    """What the analyzer says of itself or of its reagents: every segment but the header, as it came."""
    return tuple(
        [
            AnalyzerStatus(
                text=segment.raw[:_LONGEST_STATUS_TEXT],
                source=SourcePointer(record=segment.index, name=segment.name),
            )
            for segment in message.segments_in_order[1 : _MOST_STATUSES + 1]
        ]
    )


def _check(profile: Profile) -> None:
    header = profile.header
    check_paths("identify", profile.identify, (_HEADER,))
    check_paths(
        "header", (header.analyzer, header.serial, header.control_id, header.sent_at), (_HEADER,)
    )
    query = profile.query
    if query is not None:
        check_paths("query", (query.sample_id, query.carrier, query.position), ("QPD",))
