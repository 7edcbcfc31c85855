"""The short ways of the hot path say what the general ways say, and what is made unvalidated is valid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.lis2.paths import locate, read_together
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.mapping import text_reader
from middleware.driver.rules import PathRule
from middleware.driver.values import SentValue, ValuePolicy, ValueRule
from middleware.model import Envelope, ResultStatus
from middleware.wire.lis2 import Record, parse_message

GENERIC = load_catalogue().driver("generic_astm")
HEADER = r"H|\^&|||DEMO^SN1|||||LIS||P|LIS2-A2|20310304100000"
RULES = (
    None,
    PathRule(path="R-4"),
    PathRule(path="R-5.2"),
    PathRule(path="O-3"),
    PathRule(first_of=("R-6", "O-3.1")),
    PathRule(first_of=("R-5.1", "R-4")),
    PathRule(first_of=("R-9", "R-7[2].1", "P-3")),
)
FIELD = st.text(alphabet='A1 ^\\&F"\t', max_size=6)


def _result(order_field: str, fields: list[str]) -> Record:
    text = "\r".join([HEADER, "P|1|PT", f"O|1|{order_field}", "|".join(["R", "1", "", *fields])])
    (found,) = parse_message(text.encode()).results
    return found


@given(FIELD, st.lists(FIELD | st.just('""'), max_size=7))
def test_fields_read_together_are_what_each_rule_reads_alone(
    order_field: str, fields: list[str]
) -> None:
    """Blanks, escapes, nulls, absent fields, parts, and other places to look: one meaning, however it is read."""
    record = _result(order_field, fields)
    alone = [text_reader(rule, locate)(record) for rule in RULES]
    assert list(read_together(RULES, "R")(record)) == alone


@given(st.text(alphabet="0123456789.,+-<e *NA", max_size=8), st.sampled_from(ResultStatus))
def test_a_plain_number_is_what_the_full_explanation_makes_of_it(
    text: str, status: ResultStatus
) -> None:
    """A quick answer is the same answer, or none."""
    policy = ValuePolicy(frozenset(ValueRule) - {ValueRule.THOUSANDS_COMMA}, masked=frozenset("9"))
    quick = policy.plain_number(text, status)
    assert quick in (None, policy.explain(SentValue(text, text, "mmol/L", status)))


def test_digits_without_end_are_no_plain_number() -> None:
    """A flood of digits is looked at by the rules, and not kept in memory."""
    assert ValuePolicy().plain_number("1" * 41, ResultStatus.FINAL) is None


@pytest.mark.parametrize(
    "records",
    [
        ("P|1|PT-1||N1|Exempel^Vera||19790214|F", "O|1|S1^x|I1|^^^A|R||||||N||||CTRL", "C|1|I|LIPEMIC|I",
         "R|1|^^^A^1|5.4|mmol/L|3-5|HH\\*||F||OP|20310304100000|20310304101500|M1", "R|2|^^^A^1|<5",
         "R|3|^^^B|---|g/L", "R|4|^^^C||||||X", "R|5|^^^D|positive", "C|1|I|seen|G"),
        ("R|1|^^^A|1",),
        ("P|1", "O|1|S1|||||||||||||||||||||||X"),
        ("Q|1|^S1\\^S2||ALL||||||||O", "C|1|I|note|G"),
    ],
)  # fmt: skip
def test_whatever_a_driver_makes_is_valid(records: tuple[str, ...]) -> None:
    """No validation while reading: so everything that is read must pass it, to the letter, afterwards."""
    text = "\r".join([HEADER, "C|1|I|warming up|G", *records, "L|1|N"]) + "\r"
    read = GENERIC.decode(text.encode(), DecodeContext(time_zone="Europe/Berlin"))
    assert read.results or read.unread or read.queries
    assert Envelope.model_validate(read.model_dump(), strict=True) == read
