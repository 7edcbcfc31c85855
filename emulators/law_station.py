"""An analyzer of an emulated laboratory that speaks IHE LAW: LAB-27, LAB-28 (asked for or not), LAB-29."""

from __future__ import annotations

from collections.abc import Mapping

from emulators.law_messages import (
    Measured,
    OrdersTaken,
    Said,
    Taking,
    query_message,
    results_message,
    take_orders,
)
from emulators.order_oracle import Did, OrderedTest
from emulators.specimens import EmulatedSpecimen
from emulators.station import Outgoing, Station
from middleware.transport.shim import Shim
from middleware.wire.hl7 import AckCode, AckOutcome, classify
from middleware.wire.mllp import MllpLink, MllpLinkOptions


class LawStation(Station):
    """LAW over one MLLP connection, both ways."""

    def make_shim(self, peer: str) -> Shim:
        """A connection."""
        options = MllpLinkOptions(acknowledge=self._answer, ack_timeout_s=5.0)
        return Shim(MllpLink(options), self.around.reactor, self, peer)

    def query(self, sample_id: str) -> Outgoing:
        """QBP^Q11 for one container."""
        said = self._next_said()
        return Outgoing(query_message(said, sample_id), said.control_id, sample_id)

    def results(self, tube: EmulatedSpecimen, steps: Mapping[str, str], run: int) -> bytes:
        """OUL^R22 under the host's numbers of the steps."""
        return results_message(self._next_said(), Measured(tube, run, steps))

    def delivered(self, reply: bytes) -> bool:
        """The host accepted it; anything but "later" is told in the book."""
        current = self._current
        verdict = classify(reply, current.control_id if current is not None else "")
        if verdict.outcome not in (AckOutcome.ACCEPTED, AckOutcome.DEFERRED):
            self.note(Did.STRANGE, OrderedTest("", f"the host said {verdict.code} {verdict.text}"))
        return verdict.outcome is not AckOutcome.DEFERRED

    def heard(self, text: bytes) -> None:
        """Was answered step by step before."""

    def _answer(self, text: bytes, _code: AckCode) -> bytes:
        taken = take_orders(text, self._next_said(), Taking(self._is_measured, self.plan.refuses))
        # The link writes the answer when this returns: what follows from it comes after.
        self.around.reactor.callLater(0, self._ordered, taken)
        return taken.answer

    def _ordered(self, taken: OrdersTaken) -> None:
        for sample_id, code in taken.refused:
            self.note(Did.REFUSED, OrderedTest(sample_id, code))
        for sample_id, steps in self._loaded.items():
            gone = [code for code, awos in steps.items() if awos in taken.cancelled]
            self.take_back(sample_id, gone)
        if taken.steps or taken.is_negative or taken.refused:
            self.take(taken.container, taken.steps.get(taken.container, {}))

    def _is_measured(self, awos: str) -> bool:
        return not any(awos in steps.values() for steps in self._loaded.values())

    def _next_said(self) -> Said:
        now = self.around.clock.utc_now().replace(microsecond=0)
        return Said(self.plan.name, self.say_number(), now)
