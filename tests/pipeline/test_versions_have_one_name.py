"""All versions of a result go out under one name, so that a system that updates by name has one result, the last."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from middleware.connectors.fhir import CONNECTOR
from middleware.connectors.fhir.config import FhirSettings
from middleware.model import MeasuredTime, ReleaseMode
from middleware.pipeline.commands import COMMANDS
from middleware.setup import ConnectorSetup
from middleware.store import outbox
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup


def fhir() -> ConnectorSetup:
    own = FhirSettings(url="http://127.0.0.1:1/", system="https://lab.example/labwire")
    return ConnectorSetup(
        id="lis",
        type="fhir",
        lanes=1,
        window=16,
        alert_after_s=600.0,
        settings=own,
        renderer=CONNECTOR.make_renderer(own),
        factory=CONNECTOR,
    )


def ask(conn, verb: str, setup: Any, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", setup, RECEIVED_AT + 60)


def sent(conn, number: int) -> tuple[str, str]:
    """Name and status of the observation in a message."""
    bundle = json.loads(outbox.get(conn, number)["payload"])
    found = [one["resource"] for one in bundle["entry"]]
    (result,) = [one for one in found if one["resourceType"] == "Observation"]
    return result["identifier"][0]["value"].rpartition("-")[2], result["status"]


def measured(minute: int) -> MeasuredTime:
    at = datetime(2031, 3, 4, 9, minute, tzinfo=UTC)
    return MeasuredTime(text=f"2031030410{minute:02}00", at=at)


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        (ReleaseMode.AUTO, ["final", "corrected", "corrected"]),
        (ReleaseMode.TO_LIS_UNVERIFIED, ["preliminary", "final", "corrected"]),
    ],
)
def test_each_correction_goes_under_the_name_of_the_first(conn, run, mode, statuses) -> None:
    """Also where the first went out unverified, so that the next corrects nothing."""
    setup = made_setup(mode, connectors=[fhir()])
    for place, value in enumerate(("5.4", "5.9", "6.3")):
        run(
            decoded(journaled(conn), made_result(value=value, measured=measured(place))),
            setup=setup,
        )
        if place:
            ask(conn, "results.release", setup, ids=[place + 1])
    found = [sent(conn, number) for number in (1, 2, 3)]
    assert [name for name, _ in found] == ["R1"] * 3
    assert [status for _, status in found] == statuses


def test_a_withdrawal_takes_back_the_very_result(conn, run) -> None:
    """Also when it was corrected before: what the other system has stands under the first name."""
    setup = made_setup(connectors=[fhir()])
    run(decoded(journaled(conn), made_result()), setup=setup)
    run(decoded(journaled(conn), made_result(value="5.9", measured=measured(1))), setup=setup)
    ask(conn, "results.release", setup, ids=[2])
    answer = ask(conn, "results.withdraw", setup, ids=[2], reason="wrong tube")
    assert sent(conn, answer["messages"][-1]) == ("R1", "entered-in-error")


def test_another_test_has_another_name(conn, run) -> None:
    setup = made_setup(connectors=[fhir()])
    run(decoded(journaled(conn), made_result()), setup=setup)
    run(decoded(journaled(conn), made_result(test="NA")), setup=setup)
    assert [sent(conn, number)[0] for number in (1, 2)] == ["R1", "R2"]
