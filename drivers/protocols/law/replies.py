"""Writes the reply to each message of an analyzer: RSP^K11 to a query, ACK to everything else, MSH-21 as asked.

A query is echoed byte for byte: QPD and its name are copied out of what arrived, so that no character set and no
delimiter can change them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.protocols.hl7.acknowledge import header_of
from drivers.protocols.law.header import (
    Stamp,
    charset_of,
    copied,
    reply_header,
    time_text,
    written,
)
from drivers.protocols.law.queries import QUERY, QueryFault, read_asked
from drivers.protocols.law.tables import QueryScope
from middleware.driver.api import LinkContext
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import (
    ERROR_TEXTS,
    AckCode,
    AckCondition,
    AckError,
    ErrorCode,
    Glance,
    Message,
    Raw,
    components,
    compose,
    parse,
    replies_for,
    segment,
)
from middleware.wire.mllp import acknowledge_plainly

_ACCEPTING = frozenset((AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT))
_COMMITS = frozenset((AckCode.COMMIT_ACCEPT, AckCode.COMMIT_ERROR, AckCode.COMMIT_REJECT))
_NOT_STORED = AckError(ErrorCode.INTERNAL_ERROR, ERROR_TEXTS[ErrorCode.INTERNAL_ERROR])
_QUERY_OK = b"OK"
_SEPARATOR_AT = 3
_TAG, _NAME = 2, 1
_LINE = re.compile(rb"[\r\n]QPD[^\r\n]*")


def replies_wanted(message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
    """Which replies a message gets. MSH-15 ER counts as NE: one reply, from the application (IHE PaLM TF-2b 3.27)."""
    if message.accept_condition == AckCondition.ERROR:
        message = message._replace(accept_condition=AckCondition.NEVER)
    return replies_for(message, accepted=accepted)


class Replies:
    """I write replies for one line: a pure function of the message and the code, but for the time of day."""

    def __init__(
        self,
        scopes: Mapping[str, QueryScope],
        context: LinkContext,
        application: str = "",
        facility: str = "",
    ) -> None:
        """`application` and `facility` are what we call ourselves; '': what the message called its receiver."""
        self._scopes = scopes
        self._context = context
        self._own_names = (application, facility)

    def __call__(self, text: bytes, code: AckCode) -> bytes:
        """The reply without framing (`middleware.wire.mllp.options.Acknowledge`)."""
        try:
            message = parse(header_of(text))
            kind = message.header.get("MSH-9.1").strip().upper()
            if kind == QUERY:
                message = parse(text)
        except RemoteProtocolError:
            return acknowledge_plainly(text, code)
        errors = () if code in _ACCEPTING else (_NOT_STORED,)
        stamp = Stamp(copied(message.header, 10), time_text(self._context), *self._own_names)
        if kind != QUERY or code in _COMMITS:
            return _acknowledgement(message, stamp, code, errors)
        if code in _ACCEPTING:
            asked = read_asked(message, self._scopes)
            if isinstance(asked, QueryFault):
                code, errors = asked.code, (asked.error,)
        if errors and errors[0].code == ErrorCode.UNSUPPORTED_EVENT:
            return _acknowledgement(
                message, stamp, code, errors
            )  # another query has another response
        return _response(text, message, stamp, (code, errors))


def _acknowledgement(
    message: Message, stamp: Stamp, code: AckCode, errors: tuple[AckError, ...]
) -> bytes:
    event = message.header.get("MSH-9.2")
    header = reply_header(message, ("ACK", event, "ACK"), stamp)
    lines = [written(header, message.delimiters), *_msa(message, code, errors)]
    return compose(lines, charset_of(message))


def _response(
    text: bytes, message: Message, stamp: Stamp, verdict: tuple[AckCode, tuple[AckError, ...]]
) -> bytes:
    """RSP^K11 (IHE PaLM TF-2b 3.27.4.2)."""
    code, errors = verdict
    header = reply_header(message, ("RSP", "K11", "RSP_K11"), stamp)
    lines = [written(header, message.delimiters), *_msa(message, code, errors)]
    separator = text.lstrip(b"\xef\xbb\xbf\r\n")[_SEPARATOR_AT : _SEPARATOR_AT + 1]
    found = _LINE.search(text)
    qpd = found.group()[1:] if found is not None else b"QPD"
    fields = qpd.split(separator, 3)
    tag = fields[_TAG] if len(fields) > _TAG else b""
    name = fields[_NAME] if len(fields) > _NAME else b""
    status = _QUERY_OK if code in _ACCEPTING else code.value.encode("ascii")
    qak = separator.join((b"QAK", tag, status, name)).rstrip(separator)
    echo = qpd + b"\r" if found is not None else b""
    return compose(lines, charset_of(message)) + qak + b"\r" + echo


def _msa(message: Message, code: AckCode, errors: tuple[AckError, ...]) -> list[str]:
    said = errors[0].text if errors else ""
    msa = {1: code, 2: copied(message.header, 10), 3: said}
    return [segment("MSA", msa, message.delimiters), *[_err(one, message) for one in errors]]


def _err(error: AckError, message: Message) -> str:
    """ERR-2, 3, 4 and 8 (HL7 2.5.1 2.15.5)."""
    marks = message.delimiters
    place = error.locations[0] if error.locations else None
    where = (
        components(place.segment, str(place.sequence), str(place.field), delimiters=marks)
        if place is not None
        else Raw("")
    )
    code = components(error.code, ERROR_TEXTS.get(error.code, ""), "HL70357", delimiters=marks)
    return segment("ERR", {2: where, 3: code, 4: error.severity, 8: error.text}, marks)
