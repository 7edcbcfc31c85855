"""Every key is found on the line it stands on, however the TOML is laid out."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.settings.locate import Locator
from middleware.settings.problems import Location

TEXT = '''\
# [[line]] in a comment is none
title = """
[[line]]
id = "not a key"
"""
[node]  # trailing
name = "a # b"

[[line]]
id = "one"
transport = { type = "tcp_listen", port = 1, tls = { peers = "x" } }

[[line]]
"id" = 'two'
peers = [
  "10.0.0.1",  # first
  "10.0.0.2",
]
[line.transport]
type = "tcp_connect"
at = 2031-03-04 09:30:00

[[line.rule]]
when.test = "NA"
[[line.rule]]
when = [ { test = "K" }, { test = "CL" } ]
'''

PLACES: list[tuple[Location, str]] = [
    (("title",), 'title = """'),
    (("node",), "[node]"),
    (("node", "name"), 'name = "a # b"'),
    (("line", 0, "id"), 'id = "one"'),
    (("line", 0, "transport", "tls", "peers"), "transport = {"),
    (("line", 1, "id"), "\"id\" = 'two'"),
    (("line", 1, "peers", 1), '"10.0.0.2",'),
    (("line", 1, "transport"), "[line.transport]"),
    (("line", 1, "transport", "at"), "at = 2031"),
    (("line", 1, "rule", 0, "when", "test"), "when.test"),
    (("line", 1, "rule", 1, "when", 1, "test"), "when = ["),
]


@pytest.mark.parametrize(("place", "piece"), PLACES, ids=str)
def test_a_key_is_found_on_its_line(place: Location, piece: str) -> None:
    """Strings, comments, headers, arrays and inline tables mislead nobody."""
    line = Locator(TEXT).line_of(place)
    assert TEXT.splitlines()[line - 1].startswith((piece, " " * 2 + piece))


def test_what_is_not_there_is_found_where_its_table_stands() -> None:
    """A missing key is shown at the table that misses it."""
    locator = Locator(TEXT)
    assert locator.line_of(("line", 0, "driver")) == 9
    assert locator.line_of(("node", "environment")) == 6
    assert locator.line_of(("monitor",)) == 0


def _paths(value: Any, place: Location = ()) -> list[Location]:
    below = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[Location] = []
    for key, one in below:
        found.append((*place, key))
        if isinstance(one, dict | list):
            found += _paths(one, (*place, key))
    return found


def test_every_key_of_the_text_has_a_line() -> None:
    """Compared with what the standard library reads from it."""
    locator = Locator(TEXT)
    paths = _paths(tomllib.loads(TEXT))
    assert len(paths) > 20
    assert [path for path in paths if path[-1:] != () and not locator.line_of(path)] == []


@pytest.mark.slow
@given(st.text(alphabet="[]{}=.,\"'#\n ab1\\", max_size=60))
def test_a_text_of_any_shape_is_walked_to_its_end(text: str) -> None:
    """Also what is no TOML never stops the walk."""
    assert Locator(text).line_of(("a",)) >= 0
