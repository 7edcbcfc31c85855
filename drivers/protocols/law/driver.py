"""The driver of analyzers that speak IHE LAW: a profile, an MLLP link with LAW's replies, reading, and answers."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.law.answers import complaint_of
from drivers.protocols.law.decode import MessageReader
from drivers.protocols.law.encode import negative_answers
from drivers.protocols.law.options import read_link, read_section
from drivers.protocols.law.queries import CANCEL_QUERY, QUERY, QueryFault, read_asked
from drivers.protocols.law.replies import Replies, replies_wanted
from middleware.driver.api import (
    NO_CONTEXT,
    AnalyzerIdentity,
    AnswerContext,
    DecodeContext,
    LinkContext,
)
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import Message, parse
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, MllpLinkOptions

NAME = "law"

MOST_RESULTS = 10_000
"""In one message. A run of a whole plate has some hundreds; reading more would keep every other line waiting."""
_RESULT_BEGINS = b"\rOBX"

_KINDS: Mapping[str, MessageKind] = {
    "OUL": MessageKind.RESULT,
    "ORU": MessageKind.RESULT,
    QUERY: MessageKind.QUERY,
    CANCEL_QUERY: MessageKind.QUERY,
    "OML": MessageKind.ORDER,
    "ORM": MessageKind.ORDER,
}
_TYPE_FIELD = 8  # MSH-9 in a header split at its separators
_LONGEST_HEADER = 2048


class LawDriver:
    """The driver of one analyzer model that speaks LAW.

    It is a Driver, an IdentifyingDriver, an AnsweringDriver and a ReplyReadingDriver of `middleware.driver.api`.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._section = read_section(profile)
        self._scopes = self._section.scopes()
        self._reader = MessageReader(profile, self._scopes)
        read_link(profile.link, {})  # a mistake in the profile shows when the driver is made

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        """A new link. `options` are the keys of `LawLinkSection`; DriverError for anything else."""
        wanted = read_link(self._profile.link, options)
        return MllpLink(
            MllpLinkOptions(
                ack_timeout_s=wanted.answer_s,
                partial_timeout_s=wanted.receive_s,
                reply_deadline_s=wanted.reply_deadline_s,
                max_block_bytes=wanted.max_message_bytes,
                acknowledge=Replies(self._scopes, context),
                replies=replies_wanted,
            )
        )

    def kind(self, text: bytes) -> MessageKind:
        """A glance at MSH-9."""
        start = text[:_LONGEST_HEADER].lstrip(b"\xef\xbb\xbf\r\n")
        fields = start.split(start[3:4] or b"|", _TYPE_FIELD + 1)
        if not start.startswith(b"MSH") or len(fields) <= _TYPE_FIELD:
            return MessageKind.OTHER
        code = fields[_TYPE_FIELD][:3].decode("latin-1").upper()
        return _KINDS.get(code, MessageKind.OTHER)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message. Raises DriverError when it cannot be read at all."""
        count = text.count(_RESULT_BEGINS)
        if count > MOST_RESULTS:
            raise DriverError(
                f"the message holds {count} OBX segments; at most {MOST_RESULTS} are read",
                what_to_do="Let the analyzer send its results in smaller messages.",
            )
        return self._reader.read(_parse(text, context.encoding), context)

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Who the message says that it is from. Never raises: what cannot be read says nothing."""
        try:
            return self._reader.identity(_parse(text[:_LONGEST_HEADER], encoding))
        except DriverError:
            return AnalyzerIdentity()

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """OML^O33 that says that there is no work, for each container asked about; () where silence is expected.

        Raises DriverError for a query that was refused, or is none of LAW's.
        """
        if not self._section.negative_answer:
            return ()
        message = _parse(text, context.encoding)
        asked = read_asked(message, self._scopes)
        if isinstance(asked, QueryFault):
            raise DriverError(
                asked.text, what_to_do="Look at the raw message; set the analyzer to LAW queries."
            )
        return negative_answers(message, asked, context, self._section)

    def complaint_about(self, reply: bytes, control_id: str) -> str:
        """Why the analyzer did not take our message (`middleware.driver.api.ReplyReadingDriver`); '' when it did."""
        return complaint_of(reply, control_id)


class LawProtocol:
    """Makes drivers from profiles that name the protocol `law` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> LawDriver:
        """Build the driver; raises DriverError when the profile does not fit LAW."""
        return LawDriver(profile)


def _parse(text: bytes, encoding: str) -> Message:
    try:
        return parse(text, encoding)
    except RemoteProtocolError as error:
        raise DriverError(
            f"{error} ({error.clause})",
            what_to_do="Look at the raw message; the driver or the framing does not fit it.",
        ) from error


PROTOCOL = LawProtocol()
