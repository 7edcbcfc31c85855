"""Results under a label of a downtime wait until a person joins it to the real tube, and go out under the real id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.model import ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.people import ReviewSettings
from middleware.store import audit, outbox, results
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request

SETUP = replace(made_setup(), review=ReviewSettings(downtime_prefix="DT-"))
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, who: str = "ada", **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, {"reason": "line was down", **arguments}, who, SETUP, NOW)


def join(conn, label: str = "DT-7", sample: str = "S1001", **more: Any) -> dict[str, Any]:
    return ask(conn, "specimens.join", label=label, sample=sample, **more)


def ordered(conn, sample: str = "S1001") -> None:
    apply(conn, request(sample, "GLU"), now=RECEIVED_AT - 60)


def state(conn, number: int) -> str:
    return str(results.get(conn, number)["release_state"])


def test_a_label_of_a_downtime_belongs_to_nobody_yet(conn, run) -> None:
    """Also on a line that releases by itself, and also for a person."""
    run(decoded(journaled(conn), made_result("DT-7"), made_result("XDT-7")), setup=SETUP)
    assert (state(conn, 1), state(conn, 2)) == (ReleaseState.HELD, ReleaseState.RELEASED)
    with pytest.raises(CommandRefused, match="names a specimen"):
        ask(conn, "results.release", ids=[1])


def test_joined_results_go_out_under_the_real_id_for_its_order(conn, run) -> None:
    run(decoded(journaled(conn), made_result("DT-7")), setup=SETUP)
    ordered(conn)
    assert join(conn) == {"joined": [1], "repeated": []}
    row = results.get(conn, 1)
    assert (row["sample_id"], row["instrument_sample_id"]) == ("S1001", "DT-7")
    assert "ada joined it from the label DT-7 to S1001" in row["findings"]
    assert state(conn, 1) == ReleaseState.HELD
    (entry,) = audit.listing(conn)
    assert (entry["action"], entry["subject"]) == ("specimens.join", "specimens DT-7, S1001")
    ask(conn, "results.release", ids=[1])
    message = parse(outbox.get(conn, 1)["payload"])
    said = [message.get(one) for one in ("OBR-2", "OBR-3", "OBX-5", "OBX-16")]
    assert said == ["O-S1001", "S1001", "5.4", "ada"]


def test_a_late_copy_under_the_real_id_is_not_sent_twice(conn, run) -> None:
    run(decoded(journaled(conn), made_result("DT-7")), setup=SETUP)
    ordered(conn)
    join(conn)
    ask(conn, "results.release", ids=[1])
    run(decoded(journaled(conn), made_result("S1001")), setup=SETUP)
    assert state(conn, 2) == ReleaseState.DUPLICATE


def test_a_copy_under_the_label_that_is_joined_later_repeats_it(conn, run) -> None:
    ordered(conn)
    run(decoded(journaled(conn), made_result("S1001")), setup=SETUP)
    run(decoded(journaled(conn), made_result("DT-7")), setup=SETUP)
    assert join(conn) == {"joined": [], "repeated": [2]}
    assert results.get(conn, 2)["duplicate_of"] == 1


def test_a_typed_result_of_a_downtime_keeps_its_second_person(conn) -> None:
    typed = {"sample": "DT-7", "test": "GLU", "value": "5.4", "unit": "mmol/L", "line": "chem-1"}
    ask(conn, "results.enter", **typed)
    ordered(conn)
    join(conn)
    with pytest.raises(CommandRefused, match="another person"):
        ask(conn, "results.release", ids=[1])
    assert ask(conn, "results.release", "bob", ids=[1])["messages"] == [1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sample": "S9"}, "no tube is in use under 'S9'"),
        ({"sample": "s1001"}, "no tube is in use"),
        ({"label": "S2"}, "only a label of a downtime"),
        ({"sample": "DT-8"}, "only a label of a downtime"),
        ({"label": "DT-8"}, "no result is held under 'DT-8'"),
        ({"reason": " "}, "needs a reason"),
    ],
)
def test_a_join_that_could_be_wrong_is_refused(conn, run, more, said: str) -> None:
    ordered(conn)
    run(decoded(journaled(conn), made_result("DT-7")), setup=SETUP)
    with pytest.raises(CommandRefused, match=said):
        join(conn, **more)
    assert results.get(conn, 1)["sample_id"] == "DT-7"


def test_what_an_earlier_downtime_left_under_the_label_is_not_joined(conn, run) -> None:
    """Labels come again; that tube was another patient's."""
    ordered(conn)
    long_ago = RECEIVED_AT - 31 * 86400
    run(decoded(journaled(conn, received_at=long_ago), made_result("DT-7", "NA")), setup=SETUP)
    run(decoded(journaled(conn), made_result("DT-7")), setup=SETUP)
    assert join(conn) == {"joined": [2], "repeated": []}


def test_without_a_prefix_nothing_is_a_label_of_a_downtime(conn, run) -> None:
    run(decoded(journaled(conn), made_result("DT-7")))
    assert state(conn, 1) == ReleaseState.RELEASED
