"""Results that found no order when they came, because their code had no row, find it when they are released."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import ReleaseMode
from middleware.pipeline.commands import COMMANDS
from middleware.setup import Setup
from middleware.store import outbox, results
from middleware.wire.hl7.parse import parse
from tests.kit.code_tables import setup_with
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request, states

NOW = RECEIVED_AT + 60
EMPTY = "test_code,lis_code\nOTHER,OTHER\n"
MAPPED = "test_code,lis_code\nGLU,GLUC\n"
HOLD = {"orders": {"unordered": "hold"}}


def ask(conn, verb: str, setup: Setup, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", setup, NOW)


def sent_order(conn) -> str:
    ((number, _),) = outbox.for_results(conn, [1])
    return parse(outbox.get(conn, number)["payload"]).get("OBR-2")


@pytest.fixture(params=[{}, HOLD], ids=["forward", "hold"])
def line(request: Any) -> dict[str, Any]:
    return request.param


def test_a_row_that_was_added_brings_the_result_to_its_order(conn, run, line) -> None:
    """And nothing that nobody ordered is said of it any more."""
    apply(conn, request("S1001", "GLUC"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY, **line))
    assert states(conn, "S1001") == {"GLUC": "pending"}
    assert ask(conn, "codes.release", setup_with(MAPPED, **line))["released"] == [1]
    assert states(conn, "S1001") == {"GLUC": "resulted"}
    assert results.get(conn, 1)["work_order_step_id"] is not None
    assert sent_order(conn) == "O-S1001"


def test_what_nobody_ordered_stays_held_under_its_code(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY, **HOLD))
    assert ask(conn, "codes.release", setup_with(MAPPED, **HOLD))["held"] == [1]


def test_a_person_who_releases_brings_the_result_to_its_order(conn, run) -> None:
    apply(conn, request("S1001", "GLUC"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY))
    ask(conn, "results.release", setup_with(MAPPED), ids=[1])
    assert states(conn, "S1001") == {"GLUC": "resulted"}
    assert sent_order(conn) == "O-S1001"


def test_a_person_cannot_bring_it_to_a_tube_that_is_only_alike(conn, run) -> None:
    apply(conn, request("0S1001", "GLU"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.release", made_setup(), ids=[1])
    assert states(conn, "0S1001") == {"GLU": "pending"}
    assert sent_order(conn) == ""


def test_a_rerun_by_another_analyzer_corrects_what_the_first_reported(conn, run) -> None:
    """Both are the LIS's one test, whatever each analyzer calls it."""
    hold = made_setup(ReleaseMode.HOLD_ALL)
    apply(conn, request("S1001", "GLU"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.rerun", hold, ids=[1], line="chem-2")
    run(decoded(journaled(conn, line="chem-2"), made_result(value="5.9")))
    ask(conn, "results.release", hold, ids=[2])
    assert results.get(conn, 2)["supersedes"] == 1
    ((number, _),) = outbox.for_results(conn, [2])
    assert parse(outbox.get(conn, number)["payload"]).get("OBX-11") == "C"
