"""`labwire check` on lines whose tubes are asked for at the LIS."""

from __future__ import annotations

import pytest

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.settings.check_ask import tubes_can_be_asked_for
from middleware.settings.parts import read_parts
from middleware.settings.problems import Problem
from tests.kit.site_settings import loaded


def problems(ask: str, connector: str = "ask = { port = 2578 }", line: str = "") -> list[Problem]:
    text = f"""
[node]
name = "lab"
environment = "test"
data_dir = "var"
[[line]]
id = "chem-1"
driver = "generic_astm"
{line}
orders = {{ ask = "{ask}" }}
transport = {{ type = "tcp_listen", port = 2575 }}
[[connector]]
id = "lis"
type = "hl7_mllp"
host = "10.0.0.1"
port = 2576
{connector}
"""
    return list(tubes_can_be_asked_for(read_parts(loaded(text), {"hl7_mllp": CONNECTOR})))


def test_a_connector_that_asks_is_good() -> None:
    """Nothing to say about it."""
    assert problems("lis") == []
    assert problems("") == []
    assert problems("lis", "ask = { }") == []


@pytest.mark.parametrize(
    ("ask", "connector", "line", "words"),
    [
        ("lsi", "ask = { port = 2578 }", "", 'no connector "lsi"'),
        ("lis", "", "", "cannot be asked"),
        ("lis", "orders = { port = 2577 }", "", "cannot be asked"),
        ("lis", "ask = { port = 2578 }", 'order_source = "ward"', "another order_source"),
        ('", unordered = "ask', "ask = { port = 2578 }", "", "names no connector"),
        ('lis", identified_by = "patient', "ask = { port = 2578 }", "", "names a tube"),
    ],
)
def test_questions_that_could_never_help_are_told(
    ask: str, connector: str, line: str, words: str
) -> None:
    """Before the analyzer waits for nothing."""
    (problem,) = problems(ask, connector, line)
    assert words in problem.message
