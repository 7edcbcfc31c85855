"""Reads a whole message into an Envelope: every result bound to its own specimen, queries, and what stayed unread.

`MessageReader(profile).decode(text, context)` is all that a protocol needs that builds on HL7: it parses, refuses
tolerances that the profile does not name, cuts the message into groups (`groups.cut`) and reads each. It keeps nothing
from one message to the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivers.protocols.hl7.groups import Cut, Group, cut
from drivers.protocols.hl7.paths import check_paths, locate
from drivers.protocols.hl7.queries import QueryReader
from drivers.protocols.hl7.results import Place, ResultReader
from drivers.protocols.hl7.section import Hl7Section, read_section
from drivers.protocols.hl7.specimens import SpecimenReader
from drivers.protocols.hl7.texts import read_texts
from middleware.driver.api import DecodeContext
from middleware.driver.culture import bind
from middleware.driver.mapping import RoleFound, text_reader
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import (
    AnalyzerStatus,
    Envelope,
    Fault,
    Patient,
    Result,
    SourcePointer,
    Unread,
    proven,
)
from middleware.wire.hl7 import Message, Segment
from middleware.wire.hl7.parse import UNDECODABLE_BYTES

MOST_RESULTS = 10_000
"""In one message. A run of a whole plate has some hundreds; reading more would keep every other line waiting."""

MOST_SHARED_COMMENTS = 100_000
_LONGEST_STATUS_TEXT = 200  # the journal keeps the whole segment
# Under the header, and no statement of the analyzer about itself.
_NO_STATUS = frozenset(
    {"SFT", "UAC", "DSC", "QPD", "RCP", "QRD", "QRF", "QID", "MSA", "ERR", "PV1", "PV2", "PD1"}
)
_SEGMENT_NAME = re.compile("[A-Z][A-Z0-9]{2}")
NO_SEGMENT = "no_segment"
_new_envelope = proven(Envelope)
_new_unread = proven(Unread)

Runs = dict[str, dict[tuple[str, str], int]]


class MessageReader:
    """I read messages by one profile."""

    def __init__(self, profile: Profile, section: Hl7Section | None = None) -> None:
        """Raises DriverError for a path that cannot be read. `section`: its `[protocol]`, if read before."""
        header = profile.header
        check_paths("identify", profile.identify, {"MSH"})
        check_paths(
            "header", (header.analyzer, header.serial, header.control_id, header.sent_at), {"MSH"}
        )
        self._profile = profile
        self._quirks = frozenset(profile.link.quirks)
        self._analyzer = text_reader(header.analyzer, locate)
        self._serial = text_reader(header.serial, locate)
        self._control_id = text_reader(header.control_id, locate)
        self._sent_at = text_reader(header.sent_at, locate)
        self._identify = [
            (path, locate(path), (wanted,) if isinstance(wanted, str) else wanted)
            for path, wanted in profile.identify.items()
        ]
        self._specimens = SpecimenReader(profile.specimen)
        self._results = ResultReader(profile, section or read_section(profile))
        self._queries = QueryReader(profile.query)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Everything that `text` says: one message, or with `context.is_file` all messages of a file.

        Raises DriverError when nothing can be read, or when the text needs a tolerance that the profile does not name.
        """
        texts = read_texts(text, context, self._quirks)
        runs: Runs = {}
        envelopes = []
        before = 0
        for message in texts.messages:
            envelopes.append(self.read(message, context, runs, before))
            before += len(message.segments_in_order)
        return _joined(envelopes, texts.quirks)

    def read(
        self,
        message: Message,
        context: DecodeContext,
        runs: Runs | None = None,
        before: int = 0,
    ) -> Envelope:
        """One parsed message; DriverError when it is another analyzer's or holds too much.

        `runs` goes on counting the runs of each tube over the messages of one file. `before` is the number of segments
        before this message: places are counted in the whole text.
        """
        header = {"MSH": message.header}
        self._refuse_another(message.header, before + 1)
        if before:
            for segment in message.segments_in_order:
                segment.index += before
        parts = cut(message)
        _refuse_flood(parts)
        role = self._specimens.role_of_message(header)
        read = _Read()
        self._read_groups(parts, context, role, {} if runs is None else runs, read)
        return _new_envelope(
            analyzer=self._analyzer(header),
            analyzer_serial=self._serial(header),
            message_control_id=self._control_id(header),
            sent_at_text=self._sent_at(header),
            results=bind(read.results) if self._profile.culture else tuple(read.results),
            queries=self._queries.read(message),
            statuses=(*_statuses(parts.before), *read.statuses),
            unread=tuple(read.unread),
            faults=_faults(message),
            quirks=(),
        )

    def _refuse_another(self, header: Segment, record: int) -> None:
        complaint = self.complaint(header)
        if complaint:
            raise DriverError(
                complaint,
                what_to_do="Check the cable and the line's `driver`; then replay the message.",
                record=record,
                field="MSH",
            )

    def complaint(self, header: Segment) -> str:
        """A sentence when a header is another analyzer's than the profile expects; '' when it is not."""
        scope = {"MSH": header}
        for path, text_of, wanted in self._identify:
            found = text_of(scope)
            if found not in wanted:
                return (
                    f"wrong analyzer on this line: {path} is {found!r}, "
                    f"{self._profile.id} expects {' or '.join(map(repr, wanted))}"
                )
        return ""

    def names(self, header: Segment) -> tuple[str, str, str]:
        """What a header says: the analyzer's name, its serial number, and when the message was sent."""
        scope = {"MSH": header}
        return self._analyzer(scope), self._serial(scope), self._sent_at(scope)

    def _read_groups(
        self, parts: Cut, context: DecodeContext, role: RoleFound, runs: Runs, read: _Read
    ) -> None:
        people: dict[int, Patient | None] = {}
        for group in parts.groups:
            key = id(group.person)
            if key not in people:
                people[key] = self._specimens.read_patient(group.person)
            specimen = self._specimens.read(group.scope, people[key], role)
            # Two tubes without a readable id are two specimens: their results are no runs.
            tube = specimen.sample_id or f"\0{group.first.index}"
            said = self._results.remarks(group.notes)
            place = Place(group.scope, specimen, said, context.time_zone, runs.setdefault(tube, {}))
            for observed in group.observed:
                read.add(self._results.read(observed, place))
            if not group.observed:
                read.unread.append(_unread(group, place))


class _Read:
    """What was read of a message so far."""

    __slots__ = ("results", "statuses", "unread")

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.statuses: list[AnalyzerStatus] = []
        self.unread: list[Unread] = []

    def add(self, one: Result | AnalyzerStatus) -> None:
        if isinstance(one, Result):
            self.results.append(one)
        else:
            self.statuses.append(one)


def _refuse_flood(parts: Cut) -> None:
    count = sum(len(group.observed) for group in parts.groups)
    shared = sum(len(group.notes) * len(group.observed) for group in parts.groups)
    if shared > MOST_SHARED_COMMENTS:
        raise DriverError(
            f"comments on patients, specimens and orders stand {shared} times beside results; "
            f"at most {MOST_SHARED_COMMENTS} are read",
            what_to_do="Let the analyzer send its results in smaller messages.",
        )
    if count > MOST_RESULTS or len(parts.groups) > MOST_RESULTS:
        raise DriverError(
            f"the message holds {count} observations in {len(parts.groups)} groups; at most {MOST_RESULTS} are read",
            what_to_do="Let the analyzer send its results in smaller messages.",
        )


def _unread(group: Group, place: Place) -> Unread:
    """A group without observations, with the status that order or report declare."""
    if not group.has_order:
        reason = "the specimen has no order"
    else:
        stated = [
            f"{path} is {text}"
            for path in ("OBR-25", "ORC-1", "ORC-5")
            if (text := locate(path)(group.scope))
        ]
        reason = "the order has no result" + (f" ({', '.join(stated)})" if stated else "")
    return _new_unread(
        sample_id=place.specimen.sample_id,
        reason=reason,
        record=group.first.index,
        comments=place.said.comments,
    )


def _statuses(segments: Sequence[Segment]) -> tuple[AnalyzerStatus, ...]:
    """What stands under the header: said of the analyzer, of no specimen."""
    return tuple(
        [
            AnalyzerStatus(
                text=one.raw[:_LONGEST_STATUS_TEXT],
                source=SourcePointer(record=one.index, name=one.name),
            )
            for one in segments
            if one.name not in _NO_STATUS
        ]
    )


def _faults(message: Message) -> tuple[Fault, ...]:
    faults = []
    if UNDECODABLE_BYTES in message.notes:
        text = f"bytes that are no {message.encoding}, from byte {message.undecodable_at} on (HL7 2.5.1 2.15.9.18)"
        faults.append(Fault(code=UNDECODABLE_BYTES, text=text))
    names = {one.name for one in message.segments_in_order}
    strange = {name for name in names if not _SEGMENT_NAME.fullmatch(name)}
    if strange:
        first = next(one for one in message.segments_in_order if one.name in strange)
        count = sum(1 for one in message.segments_in_order if one.name in strange)
        text = f"{count} lines do not begin with the name of a segment and are not read (HL7 2.5.1 2.5)"
        faults.append(Fault(code=NO_SEGMENT, text=text, record=first.index))
    return tuple(faults)


def _joined(envelopes: Sequence[Envelope], quirks: tuple[str, ...]) -> Envelope:
    """The messages of one file as one envelope, under the header of the first."""
    first = envelopes[0]
    if len(envelopes) == 1:
        return first.model_copy(update={"quirks": quirks}) if quirks else first
    return first.model_copy(
        update={
            "quirks": quirks,
            **{
                name: tuple([one for each in envelopes for one in getattr(each, name)])
                for name in ("results", "queries", "statuses", "unread", "faults")
            },
        }
    )
