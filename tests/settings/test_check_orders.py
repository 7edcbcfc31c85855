"""What can be wrong with orders that lines wait for, and with work that goes to two lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.settings.check_orders import (
    arrival_is_said,
    downloads_are_one_lines,
    orders_can_come,
)
from middleware.settings.code_files import read_code_tables
from middleware.settings.load import load_text
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Weight

TABLES = {
    "a.csv": "test_code,lis_code\n1,GLU\n2,NA\n",
    "b.csv": "test_code,lis_code\n7,GLU\n8,TSH\n",
    "c.csv": "test_code,lis_code\n9,CRP\n",
}


def line(name: str, port: int, orders: str, more: str = "") -> str:
    return f"""
[[line]]
id = "{name}"
driver = "generic_astm"
{more}
orders = {{ {orders} }}
transport = {{ type = "tcp_listen", port = {port} }}
"""


def read(folder: Path, *lines: str, connector: str = "") -> Parts:
    for name, table in TABLES.items():
        (folder / name).write_text(table, encoding="utf-8")
    text = f"""
[node]
name = "lab"
environment = "test"
data_dir = "var"
{"".join(lines)}
[[connector]]
id = "lis"
type = "hl7_mllp"
host = "10.0.0.1"
port = 2576
{connector}
"""
    parts = read_parts(load_text(text, folder / "labwire.toml", {}), {"hl7_mllp": CONNECTOR})
    assert parts.problems == []
    assert read_code_tables(parts) == []
    return parts


ON_ORDER = 'download = "on_order"'


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ('codes = "a.csv"', 'codes = "b.csv"', "is sent GLU on order too"),
        ('codes = "a.csv"', 'codes = "c.csv"', ""),
        ('codes = "a.csv"', "", "is sent GLU, NA on order too"),
        ("", "", "is sent every test on order too"),
        ('order_source = "ward"', 'order_source = "lis"', ""),
    ],
)
def test_two_lines_that_are_sent_the_same_test_are_told(
    tmp_path: Path, one: str, other: str, words: str
) -> None:
    """Which of them gets it is chance; the tube goes to one of them."""
    lines = (line("chem-1", 2575, ON_ORDER, one), line("chem-2", 2579, ON_ORDER, other))
    found = list(downloads_are_one_lines(read(tmp_path, *lines)))
    assert [words in problem.message for problem in found] == ([True] if words else [])
    assert all(problem.weight is Weight.WARNING for problem in found)


def test_a_line_that_asks_for_its_work_is_beside_one_that_is_sent_it(tmp_path: Path) -> None:
    lines = (line("chem-1", 2575, ON_ORDER), line("chem-2", 2579, 'download = "by_hand"'))
    assert list(downloads_are_one_lines(read(tmp_path, *lines))) == []


def test_holding_what_nobody_ordered_needs_somebody_who_orders(tmp_path: Path) -> None:
    holding = line("chem-1", 2575, 'unordered = "hold"')
    (problem,) = orders_can_come(read(tmp_path, holding))
    assert "no connector takes orders" in problem.message
    for door in ("orders = { port = 2577 }", "ask = { port = 2578 }"):
        assert list(orders_can_come(read(tmp_path, holding, connector=door))) == []
    assert list(orders_can_come(read(tmp_path, line("chem-1", 2575, "")))) == []


def test_a_line_that_waits_for_arrival_says_what_the_lis_must_send(tmp_path: Path) -> None:
    (problem,) = arrival_is_said(read(tmp_path, line("chem-1", 2575, "before_arrival = false")))
    assert "SPM-18" in problem.message
    assert problem.weight is Weight.NOTE
    assert list(arrival_is_said(read(tmp_path, line("chem-1", 2575, "")))) == []
