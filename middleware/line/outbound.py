"""What goes out on one line's connection unasked: its own work, and that of a line whose analyzer takes orders here."""

from __future__ import annotations

from collections.abc import Collection

from middleware.line.behaviour import Behaviour
from middleware.line.download import Downloads
from middleware.line.query import QueryAnswers
from middleware.transport.shim import Shim
from middleware.wire.events import MessageDelivered, MessageNotDelivered


class Outbound:
    """I am responsible that everybody who sends on a connection knows how it stands (`download.Carrier`)."""

    def __init__(self, own: Downloads, behaviour: Behaviour, answers: QueryAnswers) -> None:
        self.shim: Shim | None = None
        self.waiting: set[Downloads] = (
            set()
        )  # for the line to be free; looked at with every event of the link
        self._senders = [own]
        self._behaviour = behaviour
        self._answers = answers

    def carry(self, other: Downloads) -> None:
        """This line's connection also takes the orders of another line's analyzer (`answers_on`)."""
        if other not in self._senders:
            self._senders.append(other)

    @property
    def is_another(self) -> bool:
        """Whether the wrong analyzer speaks here."""
        return self._behaviour.is_another

    def carried_for(self, line: str) -> Collection[int]:
        """The steps of a line that answers to queries carry now."""
        return self._answers.carried_for(line)

    def opened(self, shim: Shim) -> None:
        """There is a connection."""
        self.shim = shim
        for one in self._senders:
            one.line_up()

    def proved(self) -> None:
        """The analyzer spoke for the first time on this connection: it is on."""
        for one in self._senders:
            one.analyzer_spoke()

    def closed(self, shim: Shim) -> None:
        """A connection is gone."""
        if self.shim is shim:
            self.shim = None
        for one in self._senders:
            one.forget(shim)

    def heard(self, shim: Shim, event: MessageDelivered | MessageNotDelivered) -> None:
        """The link knows what became of a message."""
        for one in self._senders:
            one.heard(shim, event)

    def free(self) -> None:
        """Nothing runs on the line now."""
        for one in tuple(self.waiting):
            one.line_free()
