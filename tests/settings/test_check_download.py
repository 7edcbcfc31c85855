"""What `labwire check` says of lines that send work which their analyzer did not ask for."""

from __future__ import annotations

import pytest

from middleware.driver.catalogue import load_catalogue
from middleware.settings.check import check
from middleware.settings.problems import Problem, errors_in
from tests.kit.site_settings import CONNECTORS, GOOD, PLACE, loaded, problems_of

ANCHOR = 'release = "auto"\n'
ON_ORDER = 'orders = { download = "on_order" }\n'


def _with(text: str) -> str:
    return GOOD.replace(ANCHOR, ANCHOR + text, 1)


def _real(driver: str, orders: str) -> list[Problem]:
    """With the drivers that are installed."""
    text = _with(orders).replace('"plain"', f'"{driver}"')
    found = errors_in(check(loaded(text, None, PLACE), load_catalogue([]), CONNECTORS))
    return [one for one in found if "orders" in one.key]


@pytest.mark.parametrize("driver", ["generic_astm", "generic_law"])
def test_an_analyzer_that_takes_orders_unasked_may_be_sent_them(driver: str) -> None:
    assert _real(driver, ON_ORDER) == []


def test_a_driver_that_cannot_write_them_is_named() -> None:
    (error,) = _real("generic_hl7", 'orders = { download = "by_hand" }\n')
    assert "generic_hl7" in error.message
    assert "off" in error.suggestion
    assert _real("generic_hl7", "") == []


def test_a_relaying_line_sends_none() -> None:
    relay = 'relay = { type = "tcp_connect", host = "10.1.1.5", port = 4010 }\n'
    errors = [one for one in errors_in(problems_of(_with(relay + ON_ORDER))) if "orders" in one.key]
    assert ["relays" in one.message for one in errors] == [True]


def test_a_line_of_files_needs_a_folder_for_what_is_written() -> None:
    """Else each order would be tried for ever, and nobody would know why."""
    transport = 'transport = { type = "tcp_listen", port = 4010 }'
    files = 'transport = { type = "file_drop", folder = "in" }'
    text = _with(ON_ORDER).replace(transport, files).replace('"plain"', '"generic_astm"')
    found = errors_in(check(loaded(text, None, PLACE), load_catalogue([]), CONNECTORS))
    (error,) = [one for one in found if "orders" in one.key]
    assert "out_folder" in error.suggestion
