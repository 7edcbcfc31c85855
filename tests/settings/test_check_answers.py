"""`labwire check` on lines that answer host queries on another line's connection."""

from __future__ import annotations

import pytest

from middleware.settings.check_answers import answers_have_a_line
from middleware.settings.parts import read_parts
from middleware.settings.problems import Problem
from tests.kit.site_settings import CONNECTORS, loaded


def problems(answers_on: str, driver: str = "generic_law") -> list[Problem]:
    text = f"""
[node]
name = "lab"
environment = "test"
data_dir = "var"
[[line]]
id = "law-1"
driver = "generic_law"
answers_on = "{answers_on}"
transport = {{ type = "tcp_listen", port = 2575 }}
[[line]]
id = "law-1-orders"
driver = "{driver}"
transport = {{ type = "tcp_connect", host = "10.0.0.1", port = 2576 }}
"""
    return list(answers_have_a_line(read_parts(loaded(text), CONNECTORS)))


def test_a_second_connection_is_a_line_of_its_own() -> None:
    """Nothing to say about it."""
    assert problems("law-1-orders") == []
    assert problems("") == []


@pytest.mark.parametrize(
    ("answers_on", "driver", "words"),
    [
        ("law-1-order", "generic_law", "no line"),
        ("law-1", "generic_law", "own connection"),
        ("law-1-orders", "generic_hl7", "another driver"),
    ],
)
def test_answers_that_could_never_arrive_are_told(answers_on: str, driver: str, words: str) -> None:
    """Before the analyzer waits for them."""
    (problem,) = problems(answers_on, driver)
    assert words in problem.message
