"""An analyzer of an emulated laboratory that speaks ASTM: queries, answers and orders unasked, results."""

from __future__ import annotations

from collections.abc import Mapping

from emulators.order_oracle import Did, OrderedTest
from emulators.specimens import EmulatedSpecimen, query_message, results_message
from emulators.station import Outgoing, Station
from middleware.transport.shim import Shim
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis2 import Record, parse_message

_CANCEL = "C"  # O-12, LIS02-A2 8.4.12
_UNASKED = "O"  # O-26: an order; Q answers a query


class AstmStation(Station):
    """LIS2 over LIS1, over TCP or a serial port."""

    def make_shim(self, peer: str) -> Shim:
        """A connection."""
        link = Lis1Link(Role.INSTRUMENT, Lis1Options())
        return Shim(link, self.around.reactor, self, peer)

    def query(self, sample_id: str) -> Outgoing:
        """Q for one tube."""
        now = self.around.clock.utc_now()
        text = query_message(self.plan.name, sample_id, now)
        return Outgoing(text, self.say_number(), sample_id)

    def results(self, tube: EmulatedSpecimen, steps: Mapping[str, str], run: int) -> bytes:
        """R for each test; a run has no place in it."""
        self.say_number()
        now = self.around.clock.utc_now().replace(microsecond=0)
        return results_message(self.plan.name, tube, now)

    def delivered(self, reply: bytes) -> bool:
        """The link has it: every frame was acknowledged."""
        return True

    def heard(self, text: bytes) -> None:
        """Orders: the answer to our query, or unasked; a cancel of what we have."""
        try:
            message = parse_message(text, "latin-1")
        except RemoteProtocolError as error:
            self.note(Did.STRANGE, OrderedTest("", str(error)))
            return
        given: dict[str, dict[str, str]] = {}
        for order in message.all("O"):
            sample_id, codes = order.get("O-3.1"), _codes(order)
            if codes and order.get("O-12") == _CANCEL:
                self.take_back(sample_id, codes)
            else:
                given.setdefault(sample_id, {}).update(dict.fromkeys(codes, ""))
        if not message.all("O") and self.asked:
            given[self.asked] = {}
        for sample_id, steps in given.items():
            self.take(sample_id, steps)


def _codes(order: Record) -> list[str]:
    repeats = range(1, len(order.repeats(5)) + 1)
    return [code for at in repeats if (code := order.get(f"O-5[{at}].4"))]
