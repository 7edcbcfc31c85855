"""Reads the documents of one message into an Envelope: each observation with what stands around it, and events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from drivers.protocols.poct1a.paths import Chain, check_paths, locate
from drivers.protocols.poct1a.results import Place, ResultReader, notes_on
from drivers.protocols.poct1a.specimens import SpecimenReader
from drivers.protocols.poct1a.times import standard_time
from middleware.driver.api import AnalyzerIdentity, DecodeContext
from middleware.driver.mapping import text_reader
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import AnalyzerStatus, Envelope, Fault, Result, SourcePointer, Unread
from middleware.wire.poct1a import Document, Element, MessageType

_LONGEST_STATUS_TEXT = 200  # the journal keeps the whole message
_READ = (MessageType.OBSERVATIONS, MessageType.EVENTS)


class Message(NamedTuple):
    """The hello of the conversation, and the messages that came with it; a file may hold several."""

    hello: Element | None
    documents: Sequence[Document]

    def chain(self, document: Document) -> Chain:
        """What surrounds everything in a document."""
        return (document.root, self.hello) if self.hello is not None else (document.root,)


class MessageReader:
    """I read messages by one profile. I keep nothing from one message to the next."""

    def __init__(self, profile: Profile) -> None:
        header = profile.header
        check_paths((header.analyzer, header.serial, header.control_id, header.sent_at))
        check_paths(profile.identify)
        self._profile = profile
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

    def identify(self, message: Message) -> AnalyzerIdentity:
        """Whose the message is, as its hello says; without a hello nothing does."""
        read = [document for document in message.documents if document.type in _READ]
        chain = message.chain(read[0]) if read else ([message.hello] if message.hello else ())
        return AnalyzerIdentity(
            analyzer=self._analyzer(chain),
            serial=self._serial(chain),
            sent_at_text=standard_time(self._sent_at(chain)),
            complaint=self._complaint(chain) if message.hello is not None else "",
        )

    def read(self, message: Message, context: DecodeContext) -> Envelope:
        """The message as an Envelope; DriverError when it is another analyzer's or holds nothing to read."""
        read = [document for document in message.documents if document.type in _READ]
        if not read:
            raise DriverError(
                "the message holds neither observations nor events",
                what_to_do="Look at the raw message; nothing in it is a result.",
            )
        chain = message.chain(read[0])
        complaint = self._complaint(chain)
        if complaint:
            raise DriverError(
                complaint,
                what_to_do="Check the connection and the line's `driver`; then replay the message.",
            )
        results, unread = self._read_services(message, read, context)
        return Envelope(
            analyzer=self._analyzer(chain),
            analyzer_serial=self._serial(chain),
            message_control_id=self._control_id(chain),
            sent_at_text=self._sent_at(chain),
            results=tuple(results),
            statuses=tuple(_events(read)),
            unread=tuple(unread),
            faults=_faults(message.documents),
        )

    def _complaint(self, chain: Chain) -> str:
        for path, text_of, wanted in self._identify:
            found = text_of(chain)
            if found not in wanted:
                return (
                    f"wrong analyzer on this line: {path} is {found!r}, "
                    f"{self._profile.id} expects {' or '.join(map(repr, wanted))}"
                )
        return ""

    def _read_services(
        self, message: Message, read: Sequence[Document], context: DecodeContext
    ) -> tuple[list[Result], list[Unread]]:
        results: list[Result] = []
        unread: list[Unread] = []
        runs: dict[str, dict[tuple[str, str], int]] = {}
        services = [
            (service, (*path, *message.chain(document)))
            for document in read
            for service, path in _services(document.root)
        ]
        for number, (service, outer) in enumerate(services, start=1):
            count = 0
            for chain in _observations(service, outer):
                place = self._place(chain, context, runs, number)
                results.append(self._results.read(chain, place, len(results) + 1))
                count += 1
            if not count:
                specimen = self._specimens.read((service, *outer))
                reason = "the service has no observation"
                unread.append(Unread(sample_id=specimen.sample_id, reason=reason, record=number))
        return results, unread

    def _place(
        self,
        chain: Chain,
        context: DecodeContext,
        runs: dict[str, dict[tuple[str, str], int]],
        number: int,
    ) -> Place:
        specimen = self._specimens.read(chain)
        # Without an identifier another service or patient is another specimen: their results are no runs.
        tube = specimen.sample_id or f"\0{number} {specimen.patient}"
        said = [note for element in chain[1:] for note in notes_on(element)]
        return Place(
            specimen,
            (*said, *self._specimens.remarks(chain)),
            self._specimens.unknown_role(chain),
            context.time_zone,
            runs.setdefault(tube, {}),
        )


def _services(root: Element) -> Iterator[tuple[Element, tuple[Element, ...]]]:
    """Every service, with the elements between it and the root (innermost first); the root where there is none."""
    found = False
    pending: list[tuple[Element, tuple[Element, ...]]] = [(root, ())]
    while pending:
        element, outer = pending.pop()
        if element.name == "SVC":
            found = True
            yield element, outer
            continue
        inner = (element, *outer) if element is not root else outer
        pending.extend((child, inner) for child in reversed(element.children))
    if not found and any(element.name == "OBS" for element in root.walk()):
        yield root, ()


def _observations(service: Element, outer: Chain) -> Iterator[Chain]:
    """A chain for each observation of a service."""
    pending: list[tuple[Element, Chain]] = [(service, tuple(outer))]
    while pending:
        element, around = pending.pop()
        if element.name == "OBS":
            yield (element, *around)
            continue
        pending.extend((child, (element, *around)) for child in reversed(element.children))


def _events(documents: Sequence[Document]) -> Iterator[AnalyzerStatus]:
    number = 0
    for document in documents:
        if document.type is not MessageType.EVENTS:
            continue
        for event in document.root.walk():
            if event.name == "EVT":
                number += 1
                parts = (
                    event.get("event_dttm"),
                    event.get("severity_cd"),
                    event.get("description"),
                )
                text = " ".join(part for part in parts if part)
                yield AnalyzerStatus(
                    text=text[:_LONGEST_STATUS_TEXT],
                    source=SourcePointer(record=number, name="EVT"),
                )


def _faults(documents: Sequence[Document]) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            code="undecodable_bytes",
            text="bytes that UTF-8 does not know are marked in the texts, such as <xE9>",
            record=number,
        )
        for number, document in enumerate(documents, start=1)
        if document.is_damaged
    )
