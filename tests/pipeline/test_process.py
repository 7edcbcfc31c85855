"""One transaction from decoded messages to results and outgoing messages (DESIGN 5.1, promises 2 and 3)."""

from __future__ import annotations

import json

import pytest

from middleware.errors import DriverError
from middleware.model import (
    MeasuredTime,
    MessageKind,
    ReleaseMode,
    ResultValue,
    SampleRole,
    Specimen,
    Unread,
    ValueKind,
)
from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import SetupChanged, process
from middleware.review.checks import NamedCheck
from middleware.routing.rules import Route
from middleware.store import journal, outbox, results, setups
from middleware.store.outbox import OutboxFilter
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import (
    RECEIVED_AT,
    decoded,
    journaled,
    made_connector,
    made_result,
    made_setup,
)


def states(conn) -> list[str]:
    rows = results.listing(conn, ResultFilter())
    return [row["release_state"] for row in reversed(rows)]


def sent(conn) -> list[list[str]]:
    """The test codes of each outgoing message, in order."""
    numbers = sorted(row["number"] for row in outbox.listing(conn, OutboxFilter()))
    payloads = [parse(outbox.get(conn, number)["payload"]) for number in numbers]
    return [[obx.get("OBX-3.1") for obx in message.segments("OBX")] for message in payloads]


def test_good_results_are_stored_and_queued_in_one_message(conn, run) -> None:
    """The ordinary way: everything of one specimen in one message, in the analyzer's order."""
    entry = journaled(conn)
    summary = run(decoded(entry, made_result(test="GLU"), made_result(test="NA")))
    assert sent(conn) == [["GLU", "NA"]]
    assert dict(summary.results) == {("chem-1", "released"): 2}
    stored = journal.get(conn, entry.id)
    assert (stored["state"], stored["result_count"], stored["analyzer"]) == (
        "processed",
        2,
        "Chemist 9",
    )
    (row,) = outbox.listing(conn, OutboxFilter())
    assert (row["control_id"], row["state"], row["sample_id"]) == (
        "TEST01-0000000001",
        "waiting",
        "S1001",
    )


def test_one_bad_result_never_blocks_the_good_ones_beside_it(conn, run) -> None:
    """The masked value waits, the others are on their way."""
    masked = ResultValue(kind=ValueKind.UNEXPLAINED, raw="*54*", reason="masked")
    run(
        decoded(
            journaled(conn),
            made_result(),
            made_result(test="NA", value=masked),
            made_result(test="K"),
        )
    )
    assert states(conn) == ["released", "held", "released"]
    assert sent(conn) == [["GLU", "K"]]


def test_two_specimens_of_one_message_are_two_messages(conn, run) -> None:
    """One message per specimen and delivery."""
    run(
        decoded(journaled(conn), made_result("S1"), made_result("S2", "NA"), made_result("S1", "K"))
    )
    assert sent(conn) == [["GLU", "K"], ["NA"]]


def test_nothing_is_released_without_a_declared_mode(conn, run) -> None:
    """hold_all is the default, and says so."""
    run(decoded(journaled(conn), made_result()), setup=made_setup(ReleaseMode.HOLD_ALL))
    assert states(conn) == ["held"]
    assert sent(conn) == []
    (row,) = results.listing(conn, ResultFilter())
    assert json.loads(row["findings"])[0]["code"] == "hold_all"


def test_unverified_results_go_as_preliminary(conn, run) -> None:
    """The LIS verifies them; nobody is named as verifier."""
    run(decoded(journaled(conn), made_result()), setup=made_setup(ReleaseMode.TO_LIS_UNVERIFIED))
    message = parse(outbox.get(conn, 1)["payload"])
    assert (message.get("OBX-11"), message.get("OBX-16")) == ("P", "")


def test_controls_are_stored_and_never_sent(conn, run) -> None:
    """Not even when every patient's result is released automatically."""
    control = Specimen(sample_id="QC-1", role=SampleRole.QC, role_rule="O-12")
    entry = journaled(conn)
    run(decoded(entry, made_result(specimen=control)))
    assert states(conn) == ["not_for_lis"]
    assert sent(conn) == []
    assert journal.get(conn, entry.id)["kind"] == MessageKind.QC


def test_a_repeated_message_is_stored_as_duplicate_and_not_sent_again(conn, run) -> None:
    """The analyzer did not see our acknowledgement and sends once more."""
    run(decoded(journaled(conn), made_result()))
    summary = run(decoded(journaled(conn), made_result()))
    assert states(conn) == ["released", "duplicate"]
    assert sent(conn) == [["GLU"]]
    assert dict(summary.repeated_messages) == {"chem-1": 1}
    assert results.get(conn, 2)["duplicate_of"] == 1


def test_a_repetition_inside_one_batch_is_found(conn, run) -> None:
    """Both wait in the journal after an outage, and are processed together."""
    messages = [decoded(journaled(conn), made_result()) for _ in range(3)]
    run(*messages)
    assert states(conn) == ["released", "duplicate", "duplicate"]
    assert [row["duplicate_of"] for row in results.by_ids(conn, [2, 3])] == [1, 1]


def test_a_further_run_after_release_waits_for_a_person(conn, run) -> None:
    """A new value for what the doctor has read already is never sent by itself."""
    run(decoded(journaled(conn), made_result()))
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)))
    assert states(conn) == ["released", "held"]
    row = results.get(conn, 2)
    assert (row["supersedes"], row["version"]) == (1, 2)
    assert json.loads(row["findings"])[0]["code"] == "further_run_after_release"


def test_the_same_without_measured_time_counts_unless_it_may_be_a_resend(conn, run) -> None:
    """Without a time, only the line's previous message whose acknowledgement may be lost is repeated."""

    def message():
        control = Specimen(sample_id="QC-1", role=SampleRole.QC)
        return decoded(
            journaled(conn), made_result(specimen=control, measured=MeasuredTime(mark="absent"))
        )

    first = message()
    run(first)
    run(message())
    assert states(conn) == ["not_for_lis", "duplicate"]
    journal.confirm_ack(conn, [first.entry.id + 1])
    run(message())
    assert states(conn) == ["not_for_lis", "duplicate", "not_for_lis"]


def test_an_undecodable_message_is_marked_and_the_others_go_on(conn, run) -> None:
    """The reason, the record and the field stand beside it; nothing is dropped."""
    bad, good = journaled(conn), journaled(conn)
    error = DriverError("no test code", what_to_do="Mend the profile.")
    error.record, error.field = 4, "R-3"  # type: ignore[attr-defined]
    summary = run(Decoded(bad, None, error), decoded(good, made_result()))
    stored = journal.get(conn, bad.id)
    assert (stored["state"], stored["reason_record"], stored["reason_field"]) == (
        "unreadable",
        4,
        "R-3",
    )
    assert stored["reason"] == "no test code Mend the profile."
    assert states(conn) == ["released"]
    assert [found[0] for found in summary.unreadable] == [bad.id]


def test_a_message_of_a_line_that_is_gone_is_kept(conn, run) -> None:
    """Taking a line out of the settings loses nothing that it had accepted."""
    entry = journaled(conn, line="old-9")
    run(decoded(entry, made_result()))
    assert "old-9" in journal.get(conn, entry.id)["reason"]


def test_cancelled_orders_are_kept_as_faults_of_the_message(conn, run) -> None:
    """A specimen that the analyzer did not measure is visible."""
    entry = journaled(conn)
    run(decoded(entry, unread=(Unread(sample_id="S7", reason="order cancelled", record=3),)))
    (fault,) = json.loads(journal.get(conn, entry.id)["faults"])
    assert (fault["code"], fault["record"]) == ("no_result", 3)
    assert "S7" in fault["text"]


def test_routes_choose_and_what_goes_nowhere_is_held(conn, run) -> None:
    """A test without a route is told, not lost in silence."""
    connectors = [made_connector("lis"), made_connector("archive")]
    routes = [Route(to=("lis", "archive"), tests=("GLU",)), Route(to=("lis",), tests=("NA",))]
    setup = made_setup(connectors=connectors, routes=routes)
    message = decoded(journaled(conn), made_result(), made_result(test="NA"), made_result(test="K"))
    run(message, setup=setup)
    assert states(conn) == ["released", "released", "held"]
    rows = [outbox.get(conn, number) for number in (1, 2)]
    assert {row["connector"]: row["result_ids"] for row in rows} == {"lis": [1, 2], "archive": [1]}


def test_a_specimen_keeps_its_lane_and_lanes_are_numbered_apart(conn, run) -> None:
    """Order per specimen holds by construction."""
    setup = made_setup(connectors=[made_connector(lanes=4)])
    samples = [f"S{number}" for number in range(8)]
    run(*[decoded(journaled(conn), made_result(one)) for one in samples], setup=setup)
    later = MeasuredTime(text="20310304111500")
    run(
        *[decoded(journaled(conn), made_result(one, "K", measured=later)) for one in samples],
        setup=setup,
    )
    places: dict[int, list[int]] = {}
    lanes: dict[str, set[int]] = {}
    for row in reversed(outbox.listing(conn, OutboxFilter())):
        places.setdefault(row["lane"], []).append(row["lane_seq"])
        lanes.setdefault(row["sample_id"], set()).add(row["lane"])
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in places.values())
    assert all(len(found) == 1 for found in lanes.values())
    assert len(places) > 1


def test_the_transaction_can_be_run_again(conn) -> None:
    """A rolled back batch leaves the prepared messages as good as new."""
    setup = made_setup()
    prepared = [
        Preparation(setup).prepare(decoded(journaled(conn), made_result(), made_result(test="K")))
    ]
    savepoint = conn.begin_nested()
    process(conn, prepared, setup, RECEIVED_AT)
    first = outbox.get(conn, 1)
    savepoint.rollback()
    process(conn, prepared, setup, RECEIVED_AT)
    assert outbox.get(conn, 1) == first


def test_a_batch_prepared_under_an_older_setup_is_refused(conn) -> None:
    """No message is judged by rules that are no longer in force."""
    old = made_setup()
    prepared = [Preparation(old).prepare(decoded(journaled(conn), made_result()))]
    setups.save(conn, setups.AppliedSetup(1.0, "ada", "", "other", ""))
    with pytest.raises(SetupChanged):
        process(conn, prepared, old, RECEIVED_AT)
    assert states(conn) == []


def test_a_check_that_fails_holds(conn) -> None:
    """A third party's fault never releases a result."""

    def broken(_result, _context):
        raise ZeroDivisionError

    setup = made_setup()
    preparation = Preparation(setup, [NamedCheck("broken", 1, broken)])
    process(
        conn, [preparation.prepare(decoded(journaled(conn), made_result()))], setup, RECEIVED_AT
    )
    assert states(conn) == ["held"]
