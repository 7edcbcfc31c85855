"""What people decide never lets an older value, a wrong one or another patient's be the last that the LIS hears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.model import (
    AbnormalFlag,
    Finding,
    MeasuredTime,
    ReleaseMode,
    ReleaseState,
    Specimen,
    VerdictKind,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.decision import findings_json
from middleware.pipeline.early_results import bind_early
from middleware.review.people import ReviewSettings, SecondPerson
from middleware.store import calls, outbox, results
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, patient, request
from tests.kit.site_rules import GLUCOSE, with_rules
from tests.kit.store_rows import REFUSED, settle_all

AUTO = made_setup()
HOLDING = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60
LATER = MeasuredTime(text="20310304111500")
NO_TIME = MeasuredTime()
TYPED = {"sample": "S1001", "test": "GLU", "value": "5.4", "unit": "mmol/L", "line": "chem-1"}


def ask(conn, verb: str, who: str = "bob", setup=AUTO, now=NOW, **more: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, {"reason": "clot seen", **more}, who, setup, now)


def reviewed(**settings: Any):
    return replace(AUTO, review=ReviewSettings(**settings))


def sent(conn) -> list[tuple[str, str]]:
    """Value and OBX-11 of each message, as they are queued."""
    numbers = sorted({number for number, _ in outbox.for_results(conn, range(1, 20))})
    found = [parse(outbox.get(conn, number)["payload"]) for number in numbers]
    return [(one.get("OBX-5"), one.get("OBX-11")) for one in found]


def state(conn, number: int) -> str:
    return str(results.get(conn, number)["release_state"])


def corrected(conn, run) -> None:
    """Result 1 (5.4) is out, and its correction 2 (6.1) too."""
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.edit", who="ada", id=1, value="6.1")
    ask(conn, "results.release", ids=[2])


def two_runs(conn, run, setup=HOLDING) -> None:
    run(decoded(journaled(conn), made_result()), setup=setup)
    run(decoded(journaled(conn), made_result(value="7.0", measured=LATER)), setup=setup)


# -- older and newer -------------------------------------------------------------------------------


def test_of_two_held_runs_that_nobody_ordered_the_second_released_corrects_the_first(
    conn, run
) -> None:
    """Also when it is the older one: two final values of one test would stand side by side."""
    two_runs(conn, run)
    ask(conn, "results.release", ids=[2])
    ask(conn, "results.release", ids=[1])
    assert sent(conn) == [("7.0", "F"), ("5.4", "C")]


def test_two_runs_that_nobody_ordered_are_not_released_at_once(conn, run) -> None:
    two_runs(conn, run)
    with pytest.raises(CommandRefused, match="runs of one test"):
        ask(conn, "results.release", ids=[1, 2])


def test_runs_that_one_message_says_stand_side_by_side(conn, run) -> None:
    both = [made_result(run=1), made_result(run=2, value="5.5")]
    run(decoded(journaled(conn), *both), setup=HOLDING)
    ask(conn, "results.release", ids=[1, 2])
    assert bytes(outbox.get(conn, 1)["payload"]).count(b"|F|") == len(both)


def test_a_repetition_sent_by_name_after_a_correction_corrects_that(conn, run) -> None:
    """It says the value of before: final, it would take the correction's place unseen."""
    for _ in range(2):
        run(decoded(journaled(conn), made_result()))
    ask(conn, "results.edit", who="ada", id=1, value="6.1")
    ask(conn, "results.release", ids=[3])
    ask(conn, "results.release", ids=[2])
    assert sent(conn) == [("5.4", "F"), ("6.1", "C"), ("5.4", "C")]


def test_a_measured_value_released_after_its_correction_corrects_that(conn, run) -> None:
    """The correction went out first, as final: the measured value was rejected for it, and then taken back."""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    ask(conn, "results.edit", who="ada", id=1, value="6.1")
    ask(conn, "results.release", ids=[2])
    ask(conn, "results.release", ids=[1])
    assert sent(conn) == [("6.1", "F"), ("5.4", "C")]


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("results.comment", {"ids": [1], "text": "haemolytic"}),
        ("results.edit", {"id": 1, "value": "6.3"}),
        ("results.withdraw", {"ids": [1]}),
    ],
)
def test_what_was_corrected_is_over(conn, run, verb: str, arguments) -> None:
    """A remark on the old value would send the old value; its withdrawal would wipe out the new one."""
    corrected(conn, run)
    with pytest.raises(CommandRefused, match="was corrected since, by result 2"):
        ask(conn, verb, **arguments)
    assert sent(conn) == [("5.4", "F"), ("6.1", "C")]


def test_a_correction_of_what_a_later_run_replaced_does_not_go(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.edit", who="ada", id=1, value="6.1")
    run(decoded(journaled(conn), made_result(value="7.0", measured=LATER)))
    ask(conn, "results.release", ids=[3])
    with pytest.raises(CommandRefused, match="was corrected since, by result 3"):
        ask(conn, "results.release", ids=[2])


def test_what_was_released_again_after_its_correction_has_one_name_and_can_be_withdrawn(
    conn, run
) -> None:
    """Each stands before the other: the way back to the first of them ends all the same."""
    two_runs(conn, run, AUTO)
    ask(conn, "results.release", ids=[2])
    settle_all(conn, outbox.claim(conn, "lis", 0, 1), REFUSED)
    results.decide(conn, [1], ReleaseState.HELD, results.Decision("lis", "refused", NOW))
    ask(conn, "results.release", ids=[1])
    assert sent(conn)[-1] == ("5.4", "C")
    assert ask(conn, "results.withdraw", ids=[1])["withdrawn"] == [1, 2]


def test_a_value_that_is_being_corrected_does_not_go_by_itself(conn, run) -> None:
    """It waited for its order; when that comes, a person has said already that the value is wrong."""
    setup = made_setup(orders={"unordered": "hold"})
    run(decoded(journaled(conn), made_result()), setup=setup)
    ask(conn, "results.edit", who="ada", setup=setup, id=1, value="6.1")
    apply(conn, request("S1001", "GLU"), now=NOW)
    bind_early(conn, ["S1001"], RECEIVED_AT - 3600, setup, NOW)
    assert (state(conn, 1), sent(conn)) == (ReleaseState.HELD, [])
    ask(conn, "results.release", setup=setup, ids=[2])
    assert sent(conn) == [("6.1", "F")]


def test_a_value_that_a_person_wants_measured_again_does_not_go_by_itself(conn, run) -> None:
    """It waited for another test of its tube; that this came says nothing of the doubt."""
    ions = GLUCOSE + GLUCOSE.replace("GLU", "NA")
    rule = '[[rule]]\nid = "ions"\ntests = ["GLU", "NA"]\nqc = {}\noff = ["qc"]\n'
    panel = 'review = { low = 1, high = 200 }\n[[panel]]\nid = "ions"\ntests = ["GLU", "NA"]\n'
    setup = with_rules(AUTO, ions + rule + panel)
    apply(conn, request("S1001", "GLU"), request("S1001", "NA"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()), setup=setup)
    ask(conn, "results.rerun", setup=setup, ids=[1])
    run(decoded(journaled(conn), made_result(test="NA", value="5.0")), setup=setup)
    assert (state(conn, 1), state(conn, 2)) == (ReleaseState.HELD, ReleaseState.RELEASED)


def test_what_another_way_reports_is_not_sent_by_name_either(conn, run) -> None:
    """The line only listens: its results and their repetitions are for comparing."""
    relay = {"type": "tcp_connect", "host": "10.1.1.5", "port": 4010}
    shadow = made_setup(relay=relay)
    for _ in range(2):
        run(decoded(journaled(conn), made_result()), setup=shadow)
    assert (state(conn, 1), state(conn, 2)) == (ReleaseState.SHADOW, ReleaseState.DUPLICATE)
    with pytest.raises(CommandRefused, match="only listens"):
        ask(conn, "results.release", setup=shadow, ids=[2])


# -- withdrawn -------------------------------------------------------------------------------------


def test_a_withdrawn_correction_takes_along_what_it_corrected(conn, run) -> None:
    """Else the old value counted as what the LIS has, and could be resent after the withdrawal."""
    corrected(conn, run)
    assert ask(conn, "results.withdraw", ids=[2])["withdrawn"] == [1, 2]
    assert {status for _, status in sent(conn)[2:]} == {"W"}
    with pytest.raises(CommandRefused, match="withdrawn now"):
        ask(conn, "outbox.resend", numbers=[1])


def test_what_says_again_what_was_withdrawn_waits_for_a_person(conn, run) -> None:
    """Without a time nobody knows whether it was measured again or only sent again. Released, it is final: the LIS has
    nothing that it could correct."""
    run(decoded(journaled(conn), made_result(measured=NO_TIME)))
    ask(conn, "results.withdraw", ids=[1])
    run(decoded(journaled(conn), made_result(test="NA")))
    run(decoded(journaled(conn), made_result(measured=NO_TIME)))
    assert state(conn, 3) == ReleaseState.HELD
    assert "which a person withdrew" in results.get(conn, 3)["findings"]
    ask(conn, "results.release", ids=[3])
    assert sent(conn)[-1] == ("5.4", "F")


def test_a_withdrawn_specimen_stays_so_under_its_new_label(conn, run) -> None:
    apply(conn, request("S1001", "GLU"), request("S1001", "NA"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()))
    ask(conn, "specimens.withdraw", sample="S1001")
    ask(conn, "orders.relabel", old="S1001", new="S2002")
    run(decoded(journaled(conn), made_result("S2002", test="NA")))
    assert state(conn, 2) == ReleaseState.HELD
    with pytest.raises(CommandRefused, match="withdrew"):
        ask(conn, "results.release", ids=[2])


@pytest.mark.parametrize("is_refused", [True, False])
def test_what_shared_a_message_with_a_withdrawn_result_is_not_stranded(
    conn, run, is_refused: bool
) -> None:
    """That message never goes any more: its other results are held, and a release sends them."""
    run(decoded(journaled(conn), made_result(), made_result(test="NA", value="140")))
    if is_refused:
        settle_all(conn, outbox.claim(conn, "lis", 0, 1), REFUSED)
    else:
        ask(conn, "outbox.hold", numbers=[1])
    assert ask(conn, "results.withdraw", ids=[1]) == {"withdrawn": [1], "messages": []}
    assert (state(conn, 1), state(conn, 2)) == (ReleaseState.WITHDRAWN, ReleaseState.HELD)
    assert ask(conn, "results.release", ids=[2])["messages"] == [2]
    assert sent(conn)[-1] == ("140", "F")


def test_a_remark_is_not_written_where_nobody_reads_it(conn, run) -> None:
    """While a corrected version waits it is that which goes out."""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    ask(conn, "results.edit", who="ada", id=1, value="6.1")
    with pytest.raises(CommandRefused, match="its new version 2 waits"):
        ask(conn, "results.comment", ids=[1], text="haemolytic")


def test_two_systems_tubes_with_one_id_are_withdrawn_one_by_one(conn) -> None:
    """That one of them is withdrawn is no reason to refuse the other: its results would stay with the LIS."""
    for source in ("lis", "his"):
        apply(conn, request("S1001", "GLU"), now=RECEIVED_AT - 60, source=source)
    for source in ("lis", "his"):
        ask(conn, "specimens.withdraw", sample="S1001", source=source)
    with pytest.raises(CommandRefused, match="withdrawn already"):
        ask(conn, "specimens.withdraw", sample="S1001", source="his")


# -- second persons --------------------------------------------------------------------------------


def test_a_correction_of_a_correction_is_as_critical_as_the_first_value(conn, run) -> None:
    setup = reviewed(second_person=(SecondPerson.CRITICAL,))
    run(decoded(journaled(conn), made_result(abnormal_flags=(AbnormalFlag.CRITICAL_HIGH,))))
    ask(conn, "results.edit", who="ada", setup=setup, id=1, value="6.1")
    ask(conn, "results.release", setup=setup, ids=[2])
    ask(conn, "results.edit", who="ada", setup=setup, id=2, value="6.2")
    with pytest.raises(CommandRefused, match="another person must release"):
        ask(conn, "results.release", who="ada", setup=setup, ids=[3])


def test_correcting_an_own_typed_result_is_no_way_around_the_second_person(conn) -> None:
    setup = reviewed(second_person=(SecondPerson.MANUAL,))
    ask(conn, "results.enter", who="ada", setup=setup, **TYPED)
    ask(conn, "results.edit", who="ada", setup=setup, id=1, value="6.2")
    with pytest.raises(CommandRefused, match="another person must release"):
        ask(conn, "results.release", who="ada", setup=setup, ids=[2])


def test_a_corrected_typed_result_does_not_go_after_the_analyzers_own(conn, run) -> None:
    ask(conn, "results.enter", who="ada", **TYPED)
    ask(conn, "results.edit", who="ada", id=1, value="6.2")
    run(decoded(journaled(conn), made_result()))
    with pytest.raises(CommandRefused, match="was released before the typed result"):
        ask(conn, "results.release", ids=[2])


def test_what_was_typed_for_an_earlier_tube_is_not_confirmed_by_what_is_typed_now(conn) -> None:
    """The sample id was given out again: the second person typed another tube's result."""
    long_ago = RECEIVED_AT - 40 * 86400
    apply(conn, request("S1001", "GLU"), now=long_ago)
    ask(conn, "results.enter", who="ada", now=long_ago + 60, **TYPED)
    apply(conn, request("S1001", "GLU", placer_number="N2"), now=RECEIVED_AT - 60)
    assert ask(conn, "results.enter", **TYPED) == {"entered": 2}


# -- criticals and patients ------------------------------------------------------------------------


def test_what_the_rules_call_critical_is_not_released_among_many(conn, run) -> None:
    """Its check names the rule too: `rules.critical[k-adults]`."""
    setup = reviewed(release_at_once=1)
    run(decoded(journaled(conn), made_result(), made_result(test="K")), setup=HOLDING)
    found = Finding(
        check="rules.critical[k-adults]",
        code="above",
        verdict=VerdictKind.HOLD,
        text="6.9 is above the critical limit 6.5.",
    )
    results.give_findings(conn, {2: findings_json((found,))})
    with pytest.raises(CommandRefused, match="is above the critical limit"):
        ask(conn, "results.release", setup=setup, ids=[1, 2], count=2)


def test_a_critical_result_is_called_also_when_somebody_typed_it_before(conn, run) -> None:
    """People type no flags, so the analyzer's own result is the first that says how urgent it is."""
    setup = reviewed(call_on_critical_flag=True)
    ask(conn, "results.enter", who="ada", setup=setup, **TYPED)
    ask(conn, "results.release", setup=setup, ids=[1])
    flagged = made_result(abnormal_flags=(AbnormalFlag.CRITICAL_HIGH,))
    run(decoded(journaled(conn), flagged), setup=setup)
    assert state(conn, 2) == ReleaseState.HELD
    assert [one["result_id"] for one in calls.listing(conn)] == [2]


def test_a_label_of_a_downtime_is_not_joined_to_another_patient(conn, run) -> None:
    setup = reviewed(downtime_prefix="DT-")
    apply(conn, request("S1001", "GLU", patient=patient("P1")), now=RECEIVED_AT - 60)
    label = Specimen(sample_id="DT-7", patient=patient("P2"))
    run(decoded(journaled(conn), made_result(specimen=label)), setup=setup)
    with pytest.raises(CommandRefused, match="not of the patient of S1001"):
        ask(conn, "specimens.join", setup=setup, label="DT-7", sample="S1001")
    assert results.get(conn, 1)["sample_id"] == "DT-7"
