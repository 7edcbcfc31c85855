"""Reads one telegram into an Envelope: specimen and results from its own text alone."""

from __future__ import annotations

import re

from drivers.protocols.columns.results import ResultReader, Runs
from drivers.protocols.columns.row import Row, row_locator
from drivers.protocols.columns.specimens import SpecimenReader
from drivers.protocols.framed.paths import check_paths
from drivers.protocols.framed.records import Records, Telegram
from drivers.protocols.framed.settings import FramedSettings
from middleware.driver.api import DecodeContext
from middleware.driver.mapping import text_reader
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import AnalyzerStatus, Envelope, HostQuery, SourcePointer, Unread, proven

_LONGEST_STATUS_TEXT = 200
_LOOKED_AT = 1_024
"""Characters of a telegram that tell its kind: no regular expression of a profile looks through a whole one."""
_WHOLE = SourcePointer(record=1, name="telegram")
_NOTHING = "the telegram has no result"
_new_envelope = proven(Envelope)
_new_unread = proven(Unread)


class TelegramReader:
    """I read telegrams by one profile. I keep nothing from one to the next."""

    def __init__(self, profile: Profile, settings: FramedSettings) -> None:
        check_paths(profile, settings)
        locate = row_locator(settings.nothing)
        self._profile = profile
        self._records = Records(settings, locate)
        self._specimens = SpecimenReader(profile.specimen, locate, settings.sample_id_pattern)
        self._results = ResultReader(profile, locate, settings.reading)
        self._has_results = re.compile(settings.results, re.DOTALL)
        self._shape = re.compile(settings.shape, re.DOTALL)
        self._asks = re.compile(settings.queries, re.DOTALL) if settings.queries else None
        query = profile.query
        self._query = [
            text_reader(rule, locate)
            for rule in ((query.sample_id, query.carrier, query.position) if query else ())
        ]
        header = profile.header
        self._header = [
            text_reader(rule, locate)
            for rule in (header.analyzer, header.serial, header.control_id, header.sent_at)
        ]
        self._identify = [
            (path, locate(path), (wanted,) if isinstance(wanted, str) else wanted)
            for path, wanted in profile.identify.items()
        ]

    def asks(self, text: str) -> bool:
        """Whether a telegram asks for orders."""
        return self._asks is not None and self._asks.match(text[:_LOOKED_AT]) is not None

    def has_results(self, text: str) -> bool:
        """Whether a telegram holds results."""
        return not self.asks(text) and self._has_results.match(text[:_LOOKED_AT]) is not None

    def read(self, text: str, context: DecodeContext) -> Envelope:
        """The telegram as an Envelope; DriverError when it is another analyzer's or written in another form."""
        if self.asks(text):
            return Envelope(queries=(self._read_query(text),))
        if not self.has_results(text):
            said = AnalyzerStatus(text=text[:_LONGEST_STATUS_TEXT], source=_WHOLE)
            return Envelope(statuses=(said,))
        if not self._shape.match(text[:_LOOKED_AT]):
            raise DriverError(
                f"the telegram is not written as the profile says: {text[:80]!r}",
                what_to_do="Compare the widths of the analyzer's fields with the driver's README.",
                record=1,
            )
        return self._read_results(self._records.read(text), context)

    def _read_results(self, telegram: Telegram, context: DecodeContext) -> Envelope:
        head = telegram.head
        self._check_analyzer(head)
        specimen = self._specimens.read(head)
        runs = Runs()
        results = tuple(
            [self._results.read(row, specimen, context.time_zone, runs) for row in telegram.rows]
        )
        reasons = telegram.unread or (() if results else (_NOTHING,))
        analyzer, serial, control_id, sent_at = (read(head) for read in self._header)
        return _new_envelope(
            analyzer=analyzer,
            analyzer_serial=serial,
            message_control_id=control_id,
            sent_at_text=sent_at,
            results=results,
            unread=tuple(
                [
                    _new_unread(sample_id=specimen.sample_id, reason=reason, record=1)
                    for reason in reasons
                ]
            ),
        )

    def _read_query(self, text: str) -> HostQuery:
        head = self._records.read(text).head
        sample_id, carrier, position = (read(head) for read in self._query)
        ids = (sample_id,) if sample_id else ()
        return HostQuery(sample_ids=ids, carrier=carrier, position=position, source=_WHOLE)

    def _check_analyzer(self, head: Row) -> None:
        for path, text_of, wanted in self._identify:
            found = text_of(head)
            if found not in wanted:
                raise DriverError(
                    f"wrong analyzer on this line: {path} is {found!r}, "
                    f"{self._profile.id} expects {' or '.join(map(repr, wanted))}",
                    what_to_do="Check the cable and the line's `driver`; then replay the message.",
                    record=1,
                    field=path,
                )
