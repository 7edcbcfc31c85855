"""What an order adds to the report of its results: its number, the time of collection, the LIS's patient."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from middleware.model import Identifier, Outcome, OutcomeKind, Patient, Specimen
from middleware.pipeline.early_results import bind_early
from middleware.pipeline.mend import settle_and_mend
from middleware.store import outbox, results
from middleware.store.outbox import Settlement
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import (
    RECEIVED_AT,
    decoded,
    journaled,
    made_connector,
    made_result,
    made_setup,
)
from tests.kit.orders import apply, patient, request

BEFORE = RECEIVED_AT - 3600


def sent(conn, number: int = 1):
    return parse(outbox.get(conn, number)["payload"])


def orders_in(message) -> list[tuple[str, list[str]]]:
    """(order number, tests) of each OBR."""
    found: list[tuple[str, list[str]]] = []
    for segment in message.segments_in_order:
        if segment.name == "OBR":
            found.append((segment.get("OBR-2"), []))
        if segment.name == "OBX":
            found[-1][1].append(segment.get("OBX-3.1"))
    return found


def test_each_order_has_its_own_group(conn, run) -> None:
    """A result stands under the number of the order that asked for it; what nobody ordered under none."""
    for test, placer in (("GLU", "O-1"), ("NA", "O-2"), ("K", "O-1")):
        apply(conn, request("S1001", test, placer_number=placer), now=BEFORE)
    tests = ("GLU", "NA", "K", "CL")
    run(decoded(journaled(conn), *[made_result(test=one) for one in tests]))
    message = sent(conn)
    assert orders_in(message) == [("O-1", ["GLU", "K"]), ("O-2", ["NA"]), ("", ["CL"])]
    assert [one.get("OBX-1") for one in message.segments("OBX")] == ["1", "2", "3", "4"]
    assert [one.get("OBR-1") for one in message.segments("OBR")] == ["1", "2", "3"]
    assert {one.get("OBR-3") for one in message.segments("OBR")} == {"S1001"}


def test_the_orders_patient_specimen_and_collection_go_out(conn, run) -> None:
    """The LIS knows its own patient; what the analyzer says may be typed."""
    collected = datetime(2031, 3, 4, 7, 30, tzinfo=UTC)
    more = {"patient": patient(), "specimen_type": "SER", "collected_at": collected}
    apply(conn, request("S1001", "GLU", **more), now=BEFORE)
    theirs = Patient(identifiers=(Identifier(id="P1"),), name="TYPED^BY HAND")
    specimen = Specimen(sample_id="S1001", patient=theirs, specimen_type="S")
    run(decoded(journaled(conn), made_result(specimen=specimen)))
    message = sent(conn)
    wanted = ("PID-3.1", "PID-3.4", "PID-5.2", "SPM-4", "OBR-7")
    assert [message.get(one) for one in wanted] == [
        "P1",
        "HOSP",
        "Ann",
        "SER",
        "20310304083000+0100",
    ]


def test_an_oul_groups_by_order_too(conn, run) -> None:
    apply(conn, request("S1001", "GLU"), now=BEFORE)
    setup = made_setup(connectors=[made_connector(message="OUL^R22")])
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=setup)
    assert orders_in(sent(conn)) == [("O-S1001", ["GLU"]), ("", ["NA"])]


@pytest.mark.parametrize(("place", "test"), [("OBX^1", "GLU"), ("OBX^2", "K"), ("OBX^3", "NA")])
def test_a_refusal_names_the_result_as_it_was_sent(conn, run, place: str, test: str) -> None:
    """Results stand in the order of their orders, not in that of the analyzer."""
    for one, placer in (("GLU", "O-1"), ("NA", "O-2"), ("K", "O-1")):
        apply(conn, request("S1001", one, placer_number=placer), now=BEFORE)
    run(decoded(journaled(conn), *[made_result(test=one) for one in ("GLU", "NA", "K")]))
    settle_and_mend(conn, [refused(place)], made_setup())
    held = [one for one in results.by_ids(conn, [1, 2, 3]) if one["release_state"] == "held"]
    assert [one["test_code"] for one in held] == [test]


def test_a_message_whose_results_were_ordered_since_is_not_mended(conn, run) -> None:
    """Nobody knows any more in which order they stood."""
    run(decoded(journaled(conn), *[made_result(test=one) for one in ("GLU", "NA", "K")]))
    apply(conn, request("S1001", "NA"), now=RECEIVED_AT + 2)
    bind_early(conn, ["S1001"], 0.0, made_setup(), RECEIVED_AT + 2)
    assert settle_and_mend(conn, [refused("OBX^2")], made_setup()) == []
    assert {one["release_state"] for one in results.by_ids(conn, [1, 2, 3])} == {"released"}


def refused(place: str) -> Settlement:
    outcome = Outcome(
        kind=OutcomeKind.REFUSED, code="AE", text="unknown test", error_locations=(place,)
    )
    return Settlement(1, "lis", 0, 1, outcome, RECEIVED_AT + 5)
