"""Reads a whole message into an Envelope: every result bound to its own order, queries, and what stayed unread."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.lis2.identify import HeaderIdentity
from drivers.protocols.lis2.paths import check_paths, locate
from drivers.protocols.lis2.queries import QueryReader
from drivers.protocols.lis2.results import Place, ResultReader
from drivers.protocols.lis2.specimens import SpecimenReader
from drivers.protocols.lis2.tables import REPORT_CANNOT_BE_DONE, REPORT_PENDING
from middleware.driver.api import DecodeContext
from middleware.driver.culture import bind
from middleware.driver.mapping import text_reader
from middleware.driver.profile import HeaderSection, Profile
from middleware.errors import DriverError
from middleware.model import (
    AnalyzerStatus,
    Envelope,
    Fault,
    Result,
    SourcePointer,
    Unread,
    proven,
)
from middleware.wire.lis2 import Fault as RecordFault
from middleware.wire.lis2 import FaultCode, Message, Path, Record

_REPORT_TYPE = Path.parse("O-26")
_LONGEST_STATUS_TEXT = 200  # the journal keeps the whole record
_UNREAD_REASONS = {
    REPORT_CANNOT_BE_DONE: "the analyzer could not do the test",
    REPORT_PENDING: "the analyzer has the specimen and no result yet",
}
_new_envelope = proven(Envelope)
_NO_RESULT = "the order has no result"


class MessageReader:
    """I read messages by one profile. I keep nothing from one message to the next."""

    def __init__(self, profile: Profile) -> None:
        _check(profile)
        self._profile = profile
        header = profile.header
        self._analyzer = text_reader(header.analyzer, locate)
        self._serial = text_reader(header.serial, locate)
        self._control_id = text_reader(header.control_id, locate)
        self._sent_at = text_reader(header.sent_at, locate)
        self._identity = HeaderIdentity(profile)
        self._specimens = SpecimenReader(profile.specimen)
        self._results = ResultReader(profile)
        self._queries = QueryReader(profile.query)

    def read(self, message: Message, context: DecodeContext) -> Envelope:
        """The message as an Envelope; DriverError when it is another analyzer's or no single message."""
        header = message.header
        self._check_analyzer(header)
        for fault in message.faults:
            if fault.code is FaultCode.HEADER_REPEATED:
                raise DriverError(
                    "a second header stands inside the message; its results could be another's",
                    what_to_do="Look at the raw message; report the analyzer's behaviour.",
                    record=fault.record,
                    field="H",
                )
        results, unread = self._read_groups(message, context)
        queries = tuple([self._queries.read(record) for record in message.queries])
        return _new_envelope(
            analyzer=self._analyzer(header),
            analyzer_serial=self._serial(header),
            message_control_id=self._control_id(header),
            sent_at_text=self._sent_at(header),
            results=bind(results) if self._profile.culture is not None else results,
            queries=queries,
            statuses=_statuses(message),
            unread=unread,
            faults=tuple([_fault(fault) for fault in message.faults]) if message.faults else (),
            quirks=message.quirks,
        )

    def _check_analyzer(self, header: Record) -> None:
        path, sentence = self._identity.differs(header)
        if path:
            raise DriverError(
                sentence,
                what_to_do="Check the cable and the line's `driver`; then replay the message.",
                record=header.index,
                field=path,
            )

    def _read_groups(
        self, message: Message, context: DecodeContext
    ) -> tuple[tuple[Result, ...], tuple[Unread, ...]]:
        message_role = self._specimens.role_of_message(message.header)
        results: list[Result] = []
        unread: list[Unread] = []
        runs: dict[str, dict[tuple[str, str], int]] = {}
        for patient in message.patients:
            said = self._results.remarks(patient)
            person = self._specimens.read_patient(patient)
            for order in patient.orders:
                specimen = self._specimens.read(order, person, message_role)
                # Two tubes without a readable id are two specimens: their results are no runs.
                tube = specimen.sample_id or f"\0{order.index}"
                place = Place(
                    specimen,
                    said.beside(self._results.remarks(order)),
                    context.time_zone,
                    runs.setdefault(tube, {}),
                )
                read = [self._results.read(record, place) for record in order.results]
                results += read
                if not read:
                    unread.append(_unread(order, place))
        return tuple(results), tuple(unread)


def _unread(order: Record, place: Place) -> Unread:
    report_type = _REPORT_TYPE.of(order)
    reason = _UNREAD_REASONS.get(report_type, _NO_RESULT)
    return Unread(
        sample_id=place.specimen.sample_id,
        reason=f"{reason} (O-26 is {report_type})" if report_type else reason,
        record=order.index,
        comments=place.said.comments,
    )


def _statuses(message: Message) -> tuple[AnalyzerStatus, ...]:
    """What stands under the header, and scientific records: said of the analyzer, of no specimen."""
    records = [*message.header.children, *message.scientific]
    return tuple(
        [
            AnalyzerStatus(
                text=record.raw[:_LONGEST_STATUS_TEXT],
                source=SourcePointer(record=record.index, name=record.letter),
            )
            for record in records
        ]
    )


def _fault(fault: RecordFault) -> Fault:
    place = f"{fault.letter}-{fault.field}" if fault.field else fault.letter
    return Fault(
        code=fault.code, text=f"{fault.text} ({fault.clause})", record=fault.record, field=place
    )


def _check(profile: Profile) -> None:
    header: HeaderSection = profile.header
    identify: Mapping[str, object] = profile.identify
    check_paths("identify", identify, "H")
    check_paths("header", (header.analyzer, header.serial, header.control_id, header.sent_at), "H")
