"""What `labwire check` says of a line that relays."""

from __future__ import annotations

from middleware.settings.problems import Weight, errors_in
from tests.kit.site_settings import GOOD, problems_of

ANCHOR = 'release = "auto"\n'


def _with(relay: str) -> str:
    return GOOD.replace(ANCHOR, ANCHOR + f"relay = {relay}\n", 1)


def test_a_relay_is_told_lest_somebody_wait_for_its_results() -> None:
    """Nothing of this line reaches the LIS through Labwire."""
    problems = problems_of(_with('{ type = "tcp_connect", host = "10.1.1.5", port = 4010 }'))
    assert [one.weight for one in problems] == [Weight.NOTE]
    assert "never sent" in problems[0].message


def test_a_relay_that_names_no_release_is_not_told_to_wait_for_a_person() -> None:
    """It releases nothing: two notes that contradict each other would help nobody."""
    problems = problems_of(
        _with('{ type = "tcp_connect", host = "10.1.1.5", port = 4010 }').replace(ANCHOR, "", 1)
    )
    assert len(problems) == 1
    assert "never sent" in problems[0].message


def test_a_relay_to_ourselves_is_refused() -> None:
    """Results would run in a circle."""
    problems = problems_of(_with('{ type = "tcp_connect", host = "127.0.0.1", port = 4010 }'))
    (error,) = errors_in(problems)
    assert "of this node" in error.message


def test_a_port_of_a_relay_is_a_port_like_any_other() -> None:
    """Taken twice is taken twice."""
    problems = problems_of(_with('{ type = "tcp_listen", port = 4010 }'))
    (error,) = errors_in(problems)
    assert "port 4010 is taken" in error.message
