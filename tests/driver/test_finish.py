"""What is done with every decoded message, whatever its protocol: point, mark, unit, dilution, UCUM; each once."""

from __future__ import annotations

from decimal import Decimal
from timeit import repeat

import pytest

from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.api import DecodeContext
from middleware.driver.finish import REASON_POINT, finish
from middleware.driver.profile import Profile
from middleware.model import AbnormalFlag, Envelope, Result, ValueKind
from tests.kit.made_profiles import made_profile

NOT_APPLIED = "[values]\ndilution = 'not_applied'\nrules = ['range']\n"
FORMATS = "[values]\nrules = ['missing_point']\nformats = { WBC = '###.##', '*' = '##.#' }\n"
MARKS = (
    "[values]\nrules = ['flag_in_value', 'unit_in_value', 'unit_scale']\n"
    "marks = { H = 'high', '!' = '' }\n"
    "[units]\n'g/L' = {}\n'G/L' = '10*9/L'\n'10^(-1)%' = { unit = '%', factor = '0.1' }\n'' = {}\n"
)


def _read(profile: Profile, *records: str) -> Envelope:
    driver = PROTOCOL.make_driver(profile)
    text = "\r".join(["H|\\^&", "P|1", "O|1|S1001", *records, "L|1|N", ""])
    return driver.decode(text.encode(), DecodeContext())


def _finished(more: str, record: str) -> Result:
    profile = made_profile(more)
    envelope = finish(_read(profile, record), profile)
    again = finish(envelope, profile)
    assert again.results[0].value == envelope.results[0].value, "finished twice is finished once"
    return envelope.results[0]


@pytest.mark.parametrize(
    ("unit", "more", "ucum"),
    [
        ("mmol/l", "", "mmol/L"),
        ("G/L", "", ""),
        ("G/L", "[units]\n'G/L' = '10*9/L'\n", "10*9/L"),
        ("mmol/l", "[units]\n'mmol/l' = 'mmol/L{x}'\n", "mmol/L{x}"),
        ("wibble", "", ""),
        ("", "", ""),
    ],
)
def test_the_unit_is_kept_as_sent_and_told_in_ucum_where_it_is_known(
    unit: str, more: str, ucum: str
) -> None:
    """The profile's word goes before the list; an unknown unit stays unknown."""
    result = _finished(more, f"R|1|^^^GLU|5.4|{unit}")
    assert (result.unit, result.unit_ucum) == (unit, ucum)


@pytest.mark.parametrize(
    ("value", "number", "comparator", "rule"),
    [
        ("5.4", "54.0", "", "dilution_multiplied"),
        ("<0.1", "1.0", "<", "dilution_multiplied"),
        (">200", "2000", ">", "dilution_multiplied"),
        ("0.10000000000000000001", "1.00000000000000000010", "", "dilution_multiplied"),
    ],
)
def test_a_value_that_does_not_count_its_dilution_is_multiplied_exactly_once(
    value: str, number: str, comparator: str, rule: str
) -> None:
    """Limits too: below 0.1 in a tenfold dilution is below 1. The factor stays."""
    result = _finished(NOT_APPLIED, f"R|1|^^^GLU|{value}|g/L|||||||10")
    assert (str(result.value.number), result.value.comparator) == (number, comparator)
    assert (result.value.rule, result.dilution_factor) == (rule, Decimal(10))
    assert result.value.raw == value


def test_both_ends_of_a_range_are_multiplied() -> None:
    """2-5 cells in a fivefold dilution are 10 to 25."""
    value = _finished(NOT_APPLIED, "R|1|^^^WBC|2-5||||||||5").value
    assert (value.number, value.upper, value.rule) == (10, 25, "range,dilution_multiplied")


def test_a_value_that_counts_its_dilution_stays_and_says_so() -> None:
    """Review then knows that somebody declared it."""
    result = _finished("[values]\ndilution = 'applied'\n", "R|1|^^^GLU|5.4|g/L|||||||10")
    assert (result.value.number, result.value.rule) == (Decimal("5.4"), "dilution_applied")


@pytest.mark.parametrize("value", ["1:8", "POS", "", "***"])
def test_what_cannot_be_multiplied_is_left_to_review(value: str) -> None:
    """A titer of a dilution is no number times a number."""
    result = _finished(NOT_APPLIED, f"R|1|^^^GLU|{value}||||||||10")
    assert "dilution" not in result.value.rule


@pytest.mark.parametrize("factor", ["1", "1.0", ""])
def test_no_dilution_changes_nothing(factor: str) -> None:
    """Nearly every result."""
    result = _finished(NOT_APPLIED, f"R|1|^^^GLU|5.4|g/L|||||||{factor}")
    assert (result.value.number, result.value.rule) == (Decimal("5.4"), "")


@pytest.mark.parametrize("factor", ["1:10", "x5", "AUTO", "0", "1e1"])
def test_a_dilution_that_cannot_be_read_is_told_as_a_flag(factor: str) -> None:
    """Somebody diluted, and nobody knows by how much: review holds what has a flag."""
    result = _finished(NOT_APPLIED, f"R|1|^^^GLU|5.4|g/L|||||||{factor}")
    assert (result.dilution_factor, result.instrument_flags) == (None, (f"dilution {factor}",))


@pytest.mark.parametrize(
    ("test", "sent", "number"),
    [
        ("WBC", "540", "5.40"),
        ("WBC", "00540", "5.40"),
        ("WBC", "5", "0.05"),
        ("WBC", "<10", "0.10"),
        ("HGB", "135", "13.5"),
    ],
)
def test_a_missing_point_is_put_where_the_format_says(test: str, sent: str, number: str) -> None:
    """An analyzer of the days when a point cost a byte."""
    value = _finished(FORMATS, f"R|1|^^^{test}|{sent}|g/L").value
    assert (str(value.number), value.rule, value.raw) == (number, "missing_point", sent)


@pytest.mark.parametrize("sent", ["5.4", "540000", "5.40", "1:64", "540.0"])
def test_a_number_that_does_not_fit_its_format_is_held(sent: str) -> None:
    """An update of the analyzer that sends points is noticed, not divided by a hundred."""
    value = _finished(FORMATS, f"R|1|^^^WBC|{sent}|g/L").value
    assert (value.kind, value.reason, value.number) == (ValueKind.UNEXPLAINED, REASON_POINT, None)


def test_a_test_without_a_format_keeps_its_value() -> None:
    """Unless the profile says `*`."""
    one = FORMATS.replace(", '*' = '##.#'", "")
    assert _finished(one, "R|1|^^^GLU|54|g/L").value.number == 54


def test_a_mark_in_the_value_goes_to_the_flags() -> None:
    """As if the analyzer had sent it in its own field."""
    high = _finished(MARKS, "R|1|^^^GLU|5.4 H|g/L")
    assert (high.abnormal_flags, high.value.text, high.value.number) == (
        (AbnormalFlag.HIGH,),
        "",
        Decimal("5.4"),
    )
    own = _finished(MARKS, "R|1|^^^GLU|5.4!|g/L||L")
    assert (own.abnormal_flags, own.instrument_flags) == ((AbnormalFlag.LOW,), ("!",))


@pytest.mark.parametrize(
    ("value", "sent", "number", "unit", "ucum"),
    [
        ("5.4 g/L", "", "5.4", "g/L", "g/L"),
        ("5.4 G/L", "", "5.4", "G/L", "10*9/L"),
        ("806 10^(-1)%", "", "80.6", "%", "%"),
        ("806", "10^(-1)%", "80.6", "%", "%"),
        ("806 10^(-1)%", "10^(-1)%", "80.6", "%", "%"),
    ],
)
def test_a_unit_in_the_value_becomes_the_unit(
    value: str, sent: str, number: str, unit: str, ucum: str
) -> None:
    """With its factor, wherever it stood, once."""
    result = _finished(MARKS, f"R|1|^^^GLU|{value}|{sent}".replace("^(", "&X5E&("))
    assert (str(result.value.number), result.unit, result.unit_ucum, result.value.text) == (
        number,
        unit,
        ucum,
        "",
    )


def test_results_share_what_they_shared_before() -> None:
    """Review asks once for all results of one specimen, by identity."""
    profile = made_profile()
    read = _read(profile, "R|1|^^^A|1|g/L", "R|2|^^^B|2|g/L")
    done = finish(read, profile)
    assert done.results[0].specimen is done.results[1].specimen is read.results[0].specimen
    assert Envelope.model_validate(done.model_dump()) == done
    assert read.results[0].unit_ucum == "", "what was read stays as it was"


def test_finishing_costs_little_of_reading() -> None:
    """Every result of every analyzer goes through here."""
    profile = made_profile()
    read = _read(profile, *[f"R|{n}|^^^T{n}|{n}|mmol/L" for n in range(500)])
    finish(read, profile)
    took = min(repeat(lambda: finish(read, profile), number=1, repeat=5))
    assert took / 500 < 20e-6
