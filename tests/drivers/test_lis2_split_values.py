"""A value that the analyzer split over components is never read from one of them by chance (promise 2)."""

from __future__ import annotations

import pytest

from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.model import ValueKind


@pytest.mark.parametrize("value", ["2+^75", "POS^12.5", "^1234.56", "5^5", "A^^NEG"])
def test_a_value_in_several_components_is_held_with_its_reason(value: str) -> None:
    """Only the profile of that analyzer can say which part is the result."""
    text = f"H|\\^&\rP|1\rO|1|S1\rR|1|^^^A|{value}|mg/L||N||F\rL|1|N\r"
    driver = load_catalogue().driver("generic_astm")
    (result,) = driver.decode(text.encode(), DecodeContext()).results
    assert result.value.kind is ValueKind.UNEXPLAINED
    assert result.value.reason
    assert result.value.number is None
