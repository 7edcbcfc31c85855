"""One message at a time to the analyzer of a connection, unasked: sent, sent again while there is no reply, settled."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred, succeed

from middleware import failpoints
from middleware.driver.api import Driver, ReplyReadingDriver
from middleware.errors import MiddlewareError
from middleware.failpoints import Step
from middleware.transport.shim import Shim
from middleware.wire.events import MessageDelivered, MessageNotDelivered

# The same message so often, under the same number, before it is given up; the link waits for each reply.
MOST_TRIES = 3

_AGAIN = ("no_reply", "earlier_not_delivered")
_WORDS = {
    "no_reply": f"the analyzer did not reply, sent {MOST_TRIES} times",
    "earlier_not_delivered": "the analyzer did not take an earlier message",
    "connection_lost": "the connection ended before the message was taken",
    "enquiry_unanswered": "the analyzer does not answer; it may be off",
    "line_busy": "the analyzer is busy",
    "contention": "the analyzer wants to send",
    "interrupted": "the analyzer wants to send",
    "frame_refused": "the analyzer refused a frame of the message",
    "frame_unanswered": "the analyzer did not answer a frame of the message",
    "not_written": "no file could be written for the analyzer",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message. `trouble`: why it did not arrive; `complaint`: why the analyzer will not have it."""

    reply: bytes = b""
    trouble: str = ""
    complaint: str = ""


class Sending:
    """I am responsible that a message of ours is sent by itself, and that its outcome is known."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._under_way: tuple[Shim, int] | None = None
        self._heard: Deferred[MessageDelivered | MessageNotDelivered] | None = None
        # What came while the link was being given the message: its number is not known yet.
        self._early: list[MessageDelivered | MessageNotDelivered] | None = None

    async def deliver(self, shim: Shim, text: bytes, control_id: str) -> Delivery:
        """Send `text`; the answer comes when the link knows what became of it."""
        for number in range(1, MOST_TRIES + 1):
            if not shim.is_open:
                return Delivery(trouble=_WORDS["connection_lost"])
            try:
                event = await self._send(shim, text)
            except MiddlewareError as error:  # a text that this link cannot carry
                return Delivery(complaint=str(error))
            if isinstance(event, MessageDelivered):
                return Delivery(event.reply, complaint=self._complaint(event.reply, control_id))
            if event.reason not in _AGAIN or number == MOST_TRIES:
                return Delivery(trouble=_WORDS.get(event.reason, event.reason))
        raise AssertionError("the last try answers")

    def heard(self, shim: Shim, event: MessageDelivered | MessageNotDelivered) -> None:
        """The link knows what became of a message; others than ours are not looked at."""
        if self._early is not None:
            self._early.append(event)
        heard = self._heard
        if heard is not None and self._under_way == (shim, event.send_id):
            self._heard = self._under_way = None
            heard.callback(event)

    def forget(self, shim: Shim) -> None:
        """The connection is gone."""
        if self._under_way is not None and self._under_way[0] is shim:
            self.heard(shim, MessageNotDelivered(self._under_way[1], "connection_lost", ""))

    def _send(self, shim: Shim, text: bytes) -> Deferred[MessageDelivered | MessageNotDelivered]:
        early = self._early = []
        try:
            send_id = shim.send_message(text)
        finally:
            self._early = None
        failpoints.hit(Step.WORK_SENT)
        for event in early:
            if event.send_id == send_id:
                return succeed(event)
        heard: Deferred[MessageDelivered | MessageNotDelivered] = Deferred()
        self._under_way, self._heard = (shim, send_id), heard
        return heard

    def _complaint(self, reply: bytes, control_id: str) -> str:
        if isinstance(self._driver, ReplyReadingDriver):
            return self._driver.complaint_about(reply, control_id)
        return ""
