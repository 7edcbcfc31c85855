"""What was heard in shadow beside what the LIS filed: same, different, only on one side."""

from __future__ import annotations

import pytest

from middleware.pipeline.compare import ExtractUnreadable, Filed, Likeness, compare, read_extract


@pytest.mark.parametrize(
    ("ours", "theirs", "likeness"),
    [
        (["5.4"], ["5.4"], Likeness.SAME),
        (["5.40"], ["5.4"], Likeness.SAME),
        (["<0.5"], ["0.5"], Likeness.DIFFERENT),
        (["<0.5"], ["<0.50"], Likeness.SAME),
        (["Positive"], ["Positive"], Likeness.SAME),
        (["Positive"], ["POSITIVE"], Likeness.DIFFERENT),
        (["5.4"], ["54"], Likeness.DIFFERENT),
        (["NaN"], ["NaN"], Likeness.SAME),
        (["5.4", "5.6"], ["5.6"], Likeness.SAME),
        (["5.4", "5.6"], ["5.4"], Likeness.SAME),
        (["5.4", "5.6"], ["5.5"], Likeness.DIFFERENT),
        (["5.4"], [], Likeness.ONLY_HERE),
        ([], ["5.4"], Likeness.ONLY_AT_LIS),
        (["5.4"], ["5.3", "5.4"], Likeness.SAME),  # the LIS corrected it
    ],
)
def test_a_test_is_compared_as_a_whole(
    ours: list[str], theirs: list[str], likeness: Likeness
) -> None:
    """Numbers as numbers, all else to the letter; of several runs the LIS has one."""
    (found,) = compare(
        [Filed("S1", "GLU", one) for one in ours], [Filed("S1", "GLU", one) for one in theirs]
    )
    assert found.likeness is likeness
    assert found.ours == tuple(ours)


def test_a_unit_or_flag_that_both_say_must_be_the_same() -> None:
    """5.4 mmol/L filed as 5.4 mg/dL is what a comparison is for."""
    ours = [Filed("S1", "GLU", "5.4", "mmol/L", "H")]
    (unit,) = compare(ours, [Filed("S1", "GLU", "5.4", "mg/dL")])
    assert (unit.likeness, unit.differs_in) == (Likeness.DIFFERENT, "unit")
    (flag,) = compare(ours, [Filed("S1", "GLU", "5.4", "mmol/L", "N")])
    assert flag.differs_in == "flag"
    (silent,) = compare(ours, [Filed("S1", "GLU", "5.4")])
    assert silent.likeness is Likeness.SAME


def test_an_extract_is_read_with_comma_or_semicolon_and_with_codes() -> None:
    """As spreadsheets write it."""
    text = "\ufeffsample_id;test_code;value;unit\r\nS1;718-7;5.4;mmol/L\r\n"
    assert read_extract(text, {"718-7": "GLU"}) == [Filed("S1", "GLU", "5.4", "mmol/L")]
    assert read_extract("sample_id,test_code,value\nS1,GLU,5.4\n") == [Filed("S1", "GLU", "5.4")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column sample_id, test_code, value"),
        ("sample_id,value\nS1,5.4\n", "no column test_code"),
        ("sample_id,test_code,value\n,GLU,5.4\n", "row 2"),
    ],
)
def test_an_extract_that_cannot_be_read_is_told_in_words(text: str, told: str) -> None:
    """Whoever exported it knows what to change."""
    with pytest.raises(ExtractUnreadable, match=told) as raised:
        read_extract(text)
    assert raised.value.what_to_do
