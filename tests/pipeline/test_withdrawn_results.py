"""A withdrawn result goes out as wrong (W), after everything earlier; of a withdrawn specimen nothing more goes out."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import MeasuredTime, Outcome, OutcomeKind, ReleaseMode, ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.mend import settle_and_mend
from middleware.store import audit, outbox, results
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
from tests.kit.orders import apply, request
from tests.kit.store_rows import ACCEPTED, REFUSED, settle_all

SETUP = made_setup()
HOLDING = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60
LATER = MeasuredTime(text="20310304111500")


def ask(conn, verb: str, who: str = "ada", setup=SETUP, now=NOW, **more: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, {"reason": "wrong patient", **more}, who, setup, now)


def states(conn) -> list[str]:
    return [row["release_state"] for row in results.by_ids(conn, range(1, 20))]


def sent(conn, number: int):
    return parse(outbox.get(conn, number)["payload"])


def settle(conn, outcome) -> None:
    settle_all(conn, outbox.claim(conn, "lis", 0, 16), outcome)


def test_a_withdrawn_result_goes_out_as_wrong_with_who_and_why(conn, run) -> None:
    run(decoded(journaled(conn), made_result(), made_result(test="NA")))
    settle(conn, ACCEPTED)
    assert ask(conn, "results.withdraw", ids=[1]) == {"withdrawn": [1], "messages": [2]}
    message = sent(conn, 2)
    assert [obx.get("OBX-11") for obx in message.segments("OBX")] == ["W"]
    assert (message.get("OBX-5"), message.get("OBX-16")) == ("5.4", "ada")
    assert message.get("NTE-3") == "Withdrawn by ada: wrong patient"
    assert states(conn) == [ReleaseState.WITHDRAWN, ReleaseState.RELEASED]
    assert outbox.get(conn, 2)["lane_seq"] > outbox.get(conn, 1)["lane_seq"]


def test_each_earlier_message_has_its_own_withdrawal(conn, run) -> None:
    """Also what is still under way: it arrives first, for the withdrawal stands behind it in its lane."""
    run(decoded(journaled(conn), made_result()))
    run(decoded(journaled(conn), made_result(test="NA")))
    answer = ask(conn, "specimens.withdraw", sample="S1001")
    assert answer == {"withdrawn": [1, 2], "messages": [3, 4], "held": []}
    tests = [sent(conn, number).get("OBX-3.1") for number in answer["messages"]]
    assert tests == ["GLU", "NA"]


def test_every_lis_that_has_it_is_told(conn, run) -> None:
    both = made_setup(connectors=[made_connector("lis"), made_connector("ehr")])
    run(decoded(journaled(conn), made_result()), setup=both)
    answer = ask(conn, "results.withdraw", setup=both, ids=[1])
    assert [outbox.get(conn, one)["connector"] for one in answer["messages"]] == ["lis", "ehr"]


def test_what_the_lis_never_took_needs_no_withdrawal(conn, run) -> None:
    """Refused, or stopped before it was sent: it is withdrawn here, and cannot go out any more."""
    run(decoded(journaled(conn), made_result()))
    settle(conn, REFUSED)
    assert ask(conn, "results.withdraw", ids=[1])["messages"] == []
    with pytest.raises(CommandRefused, match="is withdrawn now"):
        ask(conn, "outbox.resend", numbers=[1])


def test_the_message_of_a_withdrawal_may_be_resent_and_the_first_one_not(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    settle(conn, ACCEPTED)
    ask(conn, "results.withdraw", ids=[1])
    settle(conn, ACCEPTED)
    assert ask(conn, "outbox.resend", numbers=[2]) == {"resent": [2]}
    with pytest.raises(CommandRefused, match="carries result 1, which is withdrawn now"):
        ask(conn, "outbox.resend", numbers=[1])


def test_what_still_comes_of_a_withdrawn_specimen_is_held(conn, run) -> None:
    """Also from another analyzer, and also a test that was never measured before."""
    run(decoded(journaled(conn), made_result()))
    ask(conn, "specimens.withdraw", sample="S1001")
    run(decoded(journaled(conn, line="chem-2"), made_result(test="K")))
    run(decoded(journaled(conn), made_result("S2")))
    assert states(conn) == ["withdrawn", "held", "released"]
    assert "ada withdrew this specimen: wrong patient" in results.get(conn, 2)["findings"]
    with pytest.raises(CommandRefused, match="a specimen that ada withdrew: wrong patient"):
        ask(conn, "results.release", ids=[2])


def test_what_was_held_stays_held_and_says_so(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    assert ask(conn, "specimens.withdraw", sample="S1001") == {
        "withdrawn": [],
        "messages": [],
        "held": [1],
    }
    assert "specimen_withdrawn" in results.get(conn, 1)["findings"]
    with pytest.raises(CommandRefused, match="withdrew"):
        ask(conn, "results.release", ids=[1])
    assert ask(conn, "results.reject", ids=[1]) == {"rejected": [1]}


def test_a_withdrawal_can_be_taken_back_but_not_what_was_told(conn, run) -> None:
    """The LIS was told that the values are wrong: they are measured again."""
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=HOLDING)
    ask(conn, "results.release", ids=[1])
    ask(conn, "specimens.withdraw", sample="S1001")
    assert ask(conn, "specimens.restore", sample="S1001") == {"restored": ["S1001"]}
    assert ask(conn, "results.release", ids=[2])["released"] == [2]
    with pytest.raises(CommandRefused, match="is withdrawn"):
        ask(conn, "results.release", ids=[1])
    run(decoded(journaled(conn), made_result(value="6.1", measured=LATER)))
    assert states(conn) == ["withdrawn", "released", "released"]
    with pytest.raises(CommandRefused, match="is not withdrawn"):
        ask(conn, "specimens.restore", sample="S1001")


def test_the_next_use_of_a_sample_id_is_another_specimen(conn, run) -> None:
    """Ids come again after weeks; the withdrawal was of the first one."""
    run(decoded(journaled(conn), made_result()))
    ask(conn, "specimens.withdraw", sample="S1001")
    later = RECEIVED_AT + 31 * 86400
    nothing = MeasuredTime()
    run(decoded(journaled(conn, received_at=later), made_result(test="NA", measured=nothing)))
    assert states(conn) == ["withdrawn", "released"]


def test_an_ordered_specimen_is_withdrawn_in_its_use_only(conn, run) -> None:
    apply(conn, request("S1001", "GLU"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn, received_at=RECEIVED_AT - 90 * 86400), made_result(test="NA")))
    run(decoded(journaled(conn), made_result()))
    assert ask(conn, "specimens.withdraw", sample="S1001")["withdrawn"] == [2]


def test_a_repetition_of_what_was_withdrawn_cannot_be_released(conn, run) -> None:
    """The analyzer sends its memory once more; the value is as wrong as before."""
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.withdraw", ids=[1])
    run(decoded(journaled(conn), made_result()))
    assert states(conn) == ["withdrawn", "duplicate"]
    with pytest.raises(CommandRefused, match="repeats result 1, which ada withdrew: wrong patient"):
        ask(conn, "results.release", ids=[2])


def test_a_mended_message_keeps_what_was_withdrawn_withdrawn(conn, run) -> None:
    """The first message is refused after the withdrawal: what is left of it must not go out as final at the end."""
    run(decoded(journaled(conn), made_result(), made_result(test="NA")))
    ask(conn, "results.withdraw", ids=[1])
    refused = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^2",))
    numbers = settle_and_mend(conn, [Settlement(1, "lis", 0, 1, refused, NOW)], SETUP)
    for number in numbers:
        assert [one.get("OBX-11") for one in sent(conn, number).segments("OBX")] == ["W"]
    assert numbers == [3]


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("results.withdraw", {"ids": [9]}, "no result 9"),
        ("results.withdraw", {"ids": [1]}, "result 1 is held"),
        ("results.withdraw", {"ids": [1], "reason": " "}, "needs a reason"),
        ("specimens.withdraw", {"sample": "S9"}, "nothing is known of a specimen 'S9'"),
        ("specimens.withdraw", {"sample": ""}, "nothing is known"),
        ("specimens.withdraw", {"sample": "S1001", "reason": ""}, "needs a reason"),
    ],
)
def test_a_withdrawal_of_nothing_is_refused(conn, run, verb: str, arguments, said: str) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    with pytest.raises(CommandRefused, match=said):
        ask(conn, verb, **arguments)


def test_a_withdrawal_is_audited_with_who_had_verified(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    ask(conn, "specimens.withdraw", sample="S1001")
    with pytest.raises(CommandRefused, match="withdrawn already"):
        ask(conn, "specimens.withdraw", sample="S1001")
    said = {row["action"]: row["detail"] for row in audit.listing(conn)}
    assert '"auto:identity+form@setup 1"' in said["results.withdraw"]
    assert {"specimens.withdraw", "results.withdrawn"} <= said.keys()
