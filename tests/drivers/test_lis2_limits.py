"""What bounds a message: one giant may not keep every other line waiting."""

from __future__ import annotations

import pytest

from drivers.protocols.lis2.driver import MOST_RESULTS
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError


def test_a_message_with_too_many_results_is_refused_before_it_is_read() -> None:
    """It is kept as unreadable, with a sentence that says why."""
    driver = load_catalogue().driver("generic_astm")
    records = [rb"H|\^&", b"P|1", b"O|1|S1", *[b"R|1|^^^A|1"] * (MOST_RESULTS + 1), b"L|1|N"]
    with pytest.raises(DriverError, match="at most 10000 are read"):
        driver.decode(b"\r".join(records) + b"\r", DecodeContext())
