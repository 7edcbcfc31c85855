"""When the LIS refuses some results of a message, the others arrive all the same (DESIGN 8.5)."""

from __future__ import annotations

import pytest

from middleware.model import Outcome, OutcomeKind
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.mend import named_results, settle, settle_and_mend
from middleware.store import audit, outbox, results
from middleware.store.outbox import Settlement
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

SETUP = made_setup()


def refusal(*places: str, code: str = "AE") -> Settlement:
    outcome = Outcome(
        kind=OutcomeKind.REFUSED, code=code, text="unknown test", error_locations=places
    )
    return Settlement(1, "lis", 0, 1, outcome, RECEIVED_AT + 5)


@pytest.fixture
def three_results(conn, run) -> None:
    """Message 1 with GLU, NA and K."""
    run(decoded(journaled(conn), *[made_result(test=test) for test in ("GLU", "NA", "K")]))


def test_the_named_result_is_held_and_the_others_go_as_a_new_message(conn, three_results) -> None:
    """A new control id that names the one it replaces."""
    assert settle_and_mend(conn, [refusal("OBX^2^3")], SETUP) == [2]
    old, new = outbox.get(conn, 1), outbox.get(conn, 2)
    assert (old["state"], new["state"], new["replaces"]) == ("refused", "waiting", 1)
    message = parse(new["payload"])
    assert message.get("MSH-10") == new["control_id"] != old["control_id"]
    assert [obx.get("OBX-3.1") for obx in message.segments("OBX")] == ["GLU", "K"]
    held = results.get(conn, 2)
    assert held["release_state"] == "held"
    assert "unknown test" in held["decision_reason"]
    assert audit.verify(conn).problems == ()


def test_a_settlement_that_is_written_twice_is_mended_once(conn, three_results) -> None:
    """A commit whose answer was lost is repeated; the LIS must not get the rest twice."""
    settle(conn, [refusal("OBX^2")], lambda: SETUP)
    assert settle_and_mend(conn, [refusal("OBX^2")], SETUP) == []
    assert outbox.get(conn, 3) is None


@pytest.mark.parametrize(
    ("places", "code"),
    [
        ((), "AE"),
        (("PID^1^3",), "AE"),
        (("OBX^1", "PID^1"), "AE"),
        (("OBX^1", "OBX^2", "OBX^3"), "AE"),
        (("OBX^4",), "AE"),
        (("OBX",), "AE"),
        (("OBX^1",), "AR"),
    ],
)
def test_otherwise_the_whole_message_is_set_aside(conn, three_results, places, code) -> None:
    """Anything but a clear naming of some results is a person's matter."""
    assert settle_and_mend(conn, [refusal(*places, code=code)], SETUP) == []
    assert outbox.get(conn, 1)["state"] == "refused"
    assert results.get(conn, 1)["release_state"] == "released"


def test_a_replaced_message_is_not_resent_but_its_refused_result_can_be_released(
    conn, three_results
) -> None:
    """The accepted results would arrive twice under two control ids."""
    settle_and_mend(conn, [refusal("OBX^2")], SETUP)
    with pytest.raises(CommandRefused, match="replaced by message 2"):
        COMMANDS["outbox.resend"](conn, {"numbers": [1]}, "ada", SETUP, RECEIVED_AT)
    answer = COMMANDS["results.release"](conn, {"ids": [2]}, "ada", SETUP, RECEIVED_AT)
    assert answer["messages"] == [3]
    message = parse(outbox.get(conn, 3)["payload"])
    assert [obx.get("OBX-3.1") for obx in message.segments("OBX")] == ["NA"]


def test_places_are_read_as_the_standard_writes_them() -> None:
    """Segment, its sequence, and whatever follows."""
    assert named_results(["OBX^1", "OBX^3^5^1"], 4) == {1, 3}
    assert named_results(["OBX^0"], 4) == set()
