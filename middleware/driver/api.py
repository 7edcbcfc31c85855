"""What a driver is: pure functions between the bytes of one message and the canonical model.

A driver owns no socket, no clock and no state. The node makes a link with it for each connection,
asks it at a glance what a message is, and decodes outside any transaction. Drivers are discovered
(group `labwire.drivers`), never imported. What not every driver can do is a protocol of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from middleware.driver.profile import Profile
from middleware.model import Envelope, MessageKind, SpecimenWork, ToTell
from middleware.wire.link import Link


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """What a driver may know of the line: its time zone (IANA name) and character encoding (Python codec name).

    `is_file`: the text is a whole file, which may hold several messages; on a connection the link has cut them.
    """

    time_zone: str = "UTC"
    encoding: str = "latin-1"
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class LinkContext:
    """What a link may know of the node: the wall clock (aware, UTC), for protocols whose replies carry a time.

    Without it (tests, cases) replies carry no time.
    """

    utc_now: Callable[[], datetime] | None = None
    time_zone: str = "UTC"


NO_CONTEXT = LinkContext()


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """For messages that we write to an analyzer: the moment, the line's zone and encoding, and a text of at most 20
    characters that no other message of this store carries (several messages append -1, -2 …).

    `step_prefix` before the id of a work order step makes a number that no other store gives."""

    now: datetime
    control_id: str
    time_zone: str = "UTC"
    encoding: str = "latin-1"
    step_prefix: str = ""


@dataclass(frozen=True, slots=True)
class AnalyzerIdentity:
    """Who a message says that it is from. `complaint` is a sentence when the profile expects another analyzer."""

    analyzer: str = ""
    serial: str = ""
    sent_at_text: str = ""
    complaint: str = ""


@runtime_checkable
class Driver(Protocol):
    """One analyzer model's driver."""

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        ...

    def make_link(
        self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT, /
    ) -> Link:
        """A new link in the COMPUTER role for one connection; `options` is the line's own `link` table (checked)."""
        ...

    def kind(self, text: bytes) -> MessageKind:
        """A glance at record types; no decoding; never raises."""
        ...

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message. Raises DriverError (with record and field) when it cannot be read at all."""
        ...


@runtime_checkable
class IdentifyingDriver(Protocol):
    """A driver that can tell at a glance whose a message is, so that a wrong cable is refused before it is stored."""

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Who the message says that it is from. Never raises: what cannot be read says nothing."""
        ...


@runtime_checkable
class AnsweringDriver(Protocol):
    """A driver whose analyzer waits for an answer to its query, also when there is no work."""

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """The messages which tell the analyzer that there is no work for what the query `text` asks.

        Called after the query was journaled and acknowledged; () when the dialect expects silence. Raises DriverError
        when the query cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """One message to an analyzer, and the work order steps (ids of the store) that it carries."""

    text: bytes
    steps: tuple[int, ...] = ()


@runtime_checkable
class OrderingDriver(AnsweringDriver, Protocol):
    """An answering driver that can also write work; what its queries ask is in the envelope of `decode`."""

    def answers(
        self, text: bytes, work: Sequence[SpecimenWork], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        """The messages which give the analyzer `work` for its query `text`, and say for what there is none.

        `work` is of specimens that the query asks about, or of any where it asks for all. Steps that no message
        carries are free again. () when the dialect expects silence. Raises DriverError when the query cannot be read,
        or the work not be written: then nothing was given.
        """
        ...


@runtime_checkable
class DownloadingDriver(Protocol):
    """A driver whose analyzer takes work that it did not ask for."""

    @property
    def specimens_at_once(self) -> int:
        """How many specimens one message may carry, at least 1."""
        ...

    def download(self, work: Sequence[SpecimenWork], context: AnswerContext) -> EncodedAnswer:
        """One message with work for an analyzer that did not ask.

        Steps that it does not carry are free again. Raises DriverError when the work cannot be written: then nothing
        was given.
        """
        ...


@runtime_checkable
class TellingDriver(Protocol):
    """A driver whose analyzer can be told that work which it has was cancelled, or changed."""

    @property
    def tellable(self) -> frozenset[ToTell]:
        """What it can be told."""
        ...

    def tell(
        self, work: SpecimenWork, what: ToTell, context: AnswerContext
    ) -> EncodedAnswer | None:
        """One message which says `what` became of all steps of `work`; None: `what` is none of `tellable`.

        Raises DriverError when it cannot be written.
        """
        ...


@runtime_checkable
class StepReadingDriver(Protocol):
    """An ordering driver whose analyzer says of each step whether it will do it (IHE LAW)."""

    def refused_steps(
        self, reply: bytes, context: AnswerContext, steps: Sequence[int]
    ) -> Mapping[int, str]:
        """Those of `steps` that the analyzer will not do (or not cancel), each with the reason. Never raises."""
        ...


@runtime_checkable
class ReplyReadingDriver(Protocol):
    """An answering driver whose analyzer says whether it took our answer (HL7); others only acknowledge frames."""

    def complaint_about(self, reply: bytes, control_id: str) -> str:
        """Why the analyzer did not take our message `control_id`, as a sentence; '' when it did. Never raises."""
        ...


class ProtocolFactory(Protocol):
    """Makes a driver from a profile that names this protocol (group `labwire.protocols`)."""

    @property
    def name(self) -> str:
        """The protocol's name as profiles write it, for example "lis2"."""
        ...

    def make_driver(self, profile: Profile) -> Driver:
        """Build the driver; raises DriverError when the profile does not fit the protocol."""
        ...


class DriverCatalogue(Protocol):
    """An entry point of `labwire.drivers` resolves to one of these (or to one Driver)."""

    def profiles(self) -> Iterable[Profile]:
        """Every profile in the catalogue."""
        ...
