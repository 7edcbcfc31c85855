"""`labwire orders why`: which lines could have a test, and which only wait for the tube to arrive."""

from __future__ import annotations

from dataclasses import replace

from middleware.pipeline.order_reasons import Asking, why
from tests.kit.orders import apply, claimer, request


def test_a_line_that_waits_for_the_tube_is_named_beside_those_that_do_not(conn) -> None:
    """Else a person looks for a fault of that line."""
    apply(conn, request())
    late = replace(claimer("immuno-1"), before_arrival=False)
    asking = Asking({"chem-1": claimer(), "immuno-1": late}, lambda _at: "")
    (said,) = why(conn, "S1", asking)
    assert said.reasons[0] == "it waits for chem-1 (immuno-1: the tube has not arrived)"
    (said,) = why(conn, "S1", Asking({"immuno-1": late}, lambda _at: ""))
    assert said.reasons[0] == "no line may be given it (immuno-1: the tube has not arrived)"
