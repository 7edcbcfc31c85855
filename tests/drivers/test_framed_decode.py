"""Telegrams that follow no standard: read as the profile says, and never more than they say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.errors import DriverError
from middleware.model import MessageKind, SampleRole, ValueKind
from tests.kit.framed_profile import (
    COLUMNS,
    CONTEXT,
    FIELDS,
    LISTING,
    OF_GROUP,
    TAGS,
    TelegramProfile,
    read_telegram,
    values_of,
)

OF_TAGS = 'test_code = "rt"\nvalue = "qn"'


def _refusal(text: str, **profile: str) -> str:
    with pytest.raises(DriverError) as caught:
        read_telegram(text, **profile)
    assert caught.value.what_to_do
    return str(caught.value)


def test_groups_of_characters_are_results_of_the_telegrams_own_sample() -> None:
    """Right-aligned ids and values are read without their blanks."""
    assert values_of(read_telegram("D      S101  5.4 02140.0 ")) == [
        ("S1", "01", Decimal("5.4")),
        ("S1", "02", Decimal("140.0")),
    ]


@pytest.mark.parametrize("lost", range(1, 8))
def test_a_last_group_that_breaks_off_is_never_a_shorter_value(lost: int) -> None:
    """`140.0` cut to `14` is another patient's potassium."""
    read = read_telegram("D      S101  5.4 02140.0H"[:-lost])
    assert values_of(read) == [("S1", "01", Decimal("5.4"))]
    assert "result 2 is cut off" in read.unread[0].reason
    assert read.unread[0].sample_id == "S1"


@pytest.mark.parametrize("text", ["D     S", "D", "D      S1"[:-1]])
def test_a_telegram_shorter_than_its_columns_is_refused(text: str) -> None:
    """Half a sample id is another sample's."""
    assert "cut off" in _refusal(text)


def test_blanks_behind_the_last_group_are_no_result() -> None:
    """Analyzers fill up their telegrams."""
    read = read_telegram("D      S101  5.4 " + " " * 13)
    assert (len(read.results), read.unread) == (1, ())


def test_other_text_behind_the_last_group_is_listed() -> None:
    """A check character, a shifted column: a person sees it."""
    read = read_telegram("D      S101  5.4 }")
    assert [one.reason for one in read.unread] == ["result 2 is cut off: '}'"]


def test_a_group_that_does_not_fit_its_pattern_is_unread_and_the_others_go_on() -> None:
    """Columns of another width."""
    protocol = COLUMNS.replace("width = 8", "width = 8\npattern = '[0-9]{2}.{6}'")
    read = read_telegram("D      S101  5.4  2140.0 03  7.1 ", protocol=protocol)
    assert [one.test_code for one in read.results] == ["01", "03"]
    assert "result 2 is not written as the profile says" in read.unread[0].reason


def test_a_fixed_number_of_groups_leaves_the_rest_and_lacks_none() -> None:
    """What stands behind them is something else; when one is missing, the telegram was cut."""
    protocol = COLUMNS.replace("width = 8", "width = 8\ncount = 1")
    assert len(read_telegram("D      S101  5.4 READINGS", protocol=protocol).results) == 1
    assert "cut off: 0 results, not 1" in _refusal("D      S1", protocol=protocol)


def test_a_result_without_a_test_is_held() -> None:
    """A value of nobody knows what."""
    (one,) = read_telegram("D      S1    5.4 ").results
    assert (one.value.kind, one.value.reason) == (ValueKind.UNEXPLAINED, "no test code")


def test_a_result_without_a_value_is_held_with_its_test() -> None:
    """The analyzer tried and has nothing."""
    (one,) = read_telegram("D      S101      ").results
    assert (one.test_code, one.value.reason) == ("01", "no value")


def test_a_telegram_without_any_result_says_so() -> None:
    """Nobody waits for results that were never there."""
    (one,) = read_telegram("D      S1" + " " * 20).unread
    assert (one.sample_id, one.reason) == ("S1", "the telegram has no result")


@pytest.mark.parametrize(("kind", "sample_id"), [("Q", "S1"), ("D", "QC7"), ("Q", "QC7")])
def test_any_mark_of_a_control_makes_a_control(kind: str, sample_id: str) -> None:
    """Whatever another field says."""
    role = (
        'role = [{ path = "kind", table = { D = "patient", Q = "qc" } },'
        ' { path = "id", pattern = "QC.*", role = "qc" }]'
    )
    (one,) = read_telegram(f"{kind}{sample_id:>8}01  5.4 ", specimen=role).results
    assert one.specimen.role is SampleRole.QC


def test_letters_behind_a_value_are_flags_each() -> None:
    """`Hr` is high, and something of the analyzer's own."""
    protocol = 'letters = ["column.flag"]\n' + COLUMNS.replace("[8, 8]", "[6, 8]").replace(
        "[3, 7]", "[3, 5]"
    )
    flags = OF_GROUP + '\nflags = { path = "column.flag", table = { H = "high" } }'
    (one,) = read_telegram("D      S1015.4H r", protocol=protocol, result=flags).results
    assert (one.abnormal_flags, one.instrument_flags) == (("high",), ("r",))


def test_fields_repeat_as_often_as_the_telegram_says() -> None:
    """With fewer or more it was cut, or is another telegram."""
    assert values_of(read_telegram("R,S1,2,Na,141,K,4.2", protocol=FIELDS)) == [
        ("S1", "Na", Decimal(141)),
        ("S1", "K", Decimal("4.2")),
    ]
    for text, why in (
        ("R,S1,2,Na,141", "should hold 2 results and holds 1"),
        ("R,S1,1,Na,141,K,4.2", "should hold 1 results and holds 2"),
        ("R,S1,x,Na,141", "count should be the number of results and is 'x'"),
        ("R,S1", "cut off: 2 fields, not 3"),
    ):
        assert why in _refusal(text, protocol=FIELDS)
    cut = read_telegram("R,S1,2,Na,141,K", protocol=FIELDS)
    assert "result 2 is cut off" in cut.unread[0].reason


def test_delimiters_behind_the_last_field_are_no_group() -> None:
    """Some write one after each field."""
    read = read_telegram("R,S1,1,Na,141,", protocol=FIELDS)
    assert (len(read.results), read.unread) == (1, ())


def test_a_text_that_holds_several_things_is_taken_apart_or_unread() -> None:
    """Value and unit in one field."""
    protocol = FIELDS + '[protocol.parts]\n"column.value" = "(?P<number>[0-9.]+) (?P<unit>[a-z]+)"'
    result = 'test_code = "column.test"\nvalue = "part.number"\nunit = "part.unit"'
    read = read_telegram("R,S1,2,Na,141 mmol,K,4.2", protocol=protocol, result=result)
    assert [(one.value.number, one.unit) for one in read.results] == [(Decimal(141), "mmol")]
    assert "column.value is '4.2'" in read.unread[0].reason


def test_a_sign_in_a_field_of_its_own_belongs_to_the_value() -> None:
    """`<` and `0.3` are less than 0.3; `*` and `0.3` are for a person."""
    protocol = """
delimiter = ","
names = ["id", "sign", "number"]
nothing = ["="]
joined = { value = ["sign", "number"] }
"""
    result = 'test_code = "number"\nvalue = "joined.value"'
    kinds = {}
    for sign in "=<*":
        (one,) = read_telegram(f"S1,{sign},0.3", protocol=protocol, result=result).results
        kinds[sign] = (one.value.kind, one.value.comparator)
    assert kinds == {
        "=": (ValueKind.NUMBER, ""),
        "<": (ValueKind.NUMBER, "<"),
        "*": (ValueKind.UNEXPLAINED, ""),
    }


def test_tagged_fields_are_found_by_their_name() -> None:
    """In any order; a field that lost its end, or its name, refuses the telegram."""
    read = read_telegram(";rtK|;qn4.2|;ciS1|", protocol=TAGS, result=OF_TAGS, sample_id="ci")
    assert values_of(read) == [("S1", "K", Decimal("4.2"))]
    for text, why in (
        (";ciS1|;rtK|;qn4.", "a field of the telegram is cut off: 'qn4.'"),
        (";ciS1|;r", "cut off: 'r'"),
        (";ciS1|;ciS2|;rtK|;qn4|", "says 'ci' twice"),
    ):
        assert why in _refusal(text, protocol=TAGS, result=OF_TAGS, sample_id="ci")


def test_results_of_two_kinds_in_one_telegram_are_two_results() -> None:
    """In words and as a number; an empty one is none."""
    protocol = (
        TAGS + '[protocol.each.ql]\nvalue = "ql"\n[protocol.each.qn]\nvalue = "qn"\nunit = "un"'
    )
    result = (
        'test_code = "rt"\nvalue = "column.value"\n'
        'test_detail = "column.kind"\nunit = "column.unit"'
    )
    profile = {"protocol": protocol, "result": result, "sample_id": "ci"}
    both = read_telegram(";ciS1|;rtK|;qlpositive|;qn4.2|;unU|", **profile).results
    assert [(one.test_detail, one.unit, one.run) for one in both] == [("ql", "", 1), ("qn", "U", 1)]
    (one,) = read_telegram(";ciS1|;rtK|;ql|;qn4.2|", **profile).results
    assert one.test_detail == "qn"


def test_a_listing_is_read_line_by_line_and_no_line_is_passed_over_silently() -> None:
    """What the profile does not know is listed with its text."""
    text = "Sample  S1\r\nDay  4\r\n\r\n  K     4.2\r\n  NA    139 !\r\nShort sample\r\n-----\r\n"
    read = read_telegram(text, protocol=LISTING)
    assert values_of(read) == [("S1", "K", Decimal("4.2"))]
    assert [one.reason for one in read.unread] == [
        "line 5 is none that the profile knows: '  NA    139 !'",
        "line 6 is none that the profile knows: 'Short sample'",
    ]


@pytest.mark.parametrize("again", ["S1", "S2"])
def test_two_reports_in_one_listing_are_refused(again: str) -> None:
    """Even of one sample: what follows may be another's that lost its line."""
    text = f"Sample S1\n  K 4.2\nSample {again}\n  K 4.9\n"
    assert "says 'id' more than once" in _refusal(text, protocol=LISTING)


def test_the_beginning_tells_what_a_telegram_is() -> None:
    """Results, a question, or something that is only kept."""
    protocol = 'results = "D"\nshape = "D[ A-Z0-9]{8}[0-9]"\n' + COLUMNS
    driver = TelegramProfile(protocol=protocol).driver()
    assert driver.kind(b"D      S101  5.4 ") is MessageKind.RESULT
    assert driver.kind(b"E") is MessageKind.OTHER
    assert driver.kind(b" ") is MessageKind.UNREADABLE
    (status,) = read_telegram("END OF RUN", protocol=protocol).statuses
    assert status.text == "END OF RUN"
    assert "not written as the profile says" in _refusal("D      S1 1 5.4 ", protocol=protocol)


def test_a_telegram_of_another_analyzer_is_refused() -> None:
    """A wrong cable gives no result."""
    top = '[identify]\nkind = ["D", "d"]'
    assert len(read_telegram("D      S101  5.4 ", top=top).results) > 0
    assert "wrong analyzer on this line: kind is 'X'" in _refusal("X      S101  5.4 ", top=top)


def test_a_question_is_read_and_journaled() -> None:
    """Whose orders the analyzer asks for."""
    profile = TelegramProfile(
        protocol='queries = "R"\n' + COLUMNS,
        top='[query]\nsample_id = "id"',
        roles='["results", "host_query"]',
    )
    driver = profile.driver()
    assert driver.kind(b"R      S1") is MessageKind.QUERY
    (query,) = driver.decode(b"R      S1", CONTEXT).queries
    assert query.sample_ids == ("S1",)
