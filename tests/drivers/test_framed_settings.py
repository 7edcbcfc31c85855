"""Mistakes in the profile of a framed analyzer are told when the driver is made, with what to write instead."""

from __future__ import annotations

import pytest

from middleware.errors import DriverError
from tests.kit.framed_profile import COLUMNS, FIELDS, LISTING, OF_GROUP, TAGS, TelegramProfile


def _refusal(**profile: str) -> str:
    with pytest.raises(DriverError) as caught:
        TelegramProfile(**profile).driver()
    assert caught.value.what_to_do
    return f"{caught.value} {caught.value.what_to_do}"


@pytest.mark.parametrize(
    ("protocol", "complaint"),
    [
        ("", "give one of `positions`, `names`, `tags`, and `head` with `listed`"),
        (TAGS + COLUMNS, "give one of `positions`"),
        ('names = ["id"]', "`delimiter` belongs to `names` and `tags`"),
        ('field_end = "|"' + COLUMNS, "`field_end` belongs to `tags`"),
        ('head = { id = "Sample (.*)" }', "need `listed`"),
        (LISTING.replace("(.*)", ".*"), "head.id: needs a group"),
        ('listed = "K 4"', "listed: needs named groups"),
        (LISTING.replace("(?P<test>", "(?P<test"), "no regular expression"),
        (COLUMNS.replace("[3, 7]", "[3, 9]"), "columns.value: give first and last place within"),
        (COLUMNS.replace("[2, 9]", "[9, 2]"), "id: give first and last place, from 1"),
        (COLUMNS.replace("width = 8", "width = 8\ncount = 0"), "count: 1 to 10000"),
        (FIELDS.replace("width = 2", 'width = 2\npattern = "x"'), "belongs to `positions`"),
        (TAGS + '[protocol.each.qn]\nunit = "un"', "every result needs a `value`"),
        (COLUMNS.replace("start = 10", "strat = 10"), "unknown key"),
        ('encoding = "klingon"' + COLUMNS, "unknown character encoding 'klingon'"),
        ('[protocol.frame]\nstart = "<STY>"' + COLUMNS, "write control characters by name"),
        ('[protocol.frame]\nack = ""' + COLUMNS, "give both ack and nak"),
        ("[protocol.frame]\nsilence_ends = true" + COLUMNS, "cannot be acknowledged"),
        ("[protocol.frame]\nack_min_s = 9.5" + COLUMNS, "ack_max_s must be later"),
    ],
)
def test_a_mistake_is_told_with_the_key(protocol: str, complaint: str) -> None:
    """Whoever writes a profile is told at once, before a line starts."""
    assert complaint in _refusal(protocol=protocol)


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [
        ({"sample_id": "ident"}, "[specimen]: ident cannot be read there This profile offers: id, kind"),
        ({"sample_id": "column.test"}, "[specimen]: column.test cannot be read there"),
        ({"result": OF_GROUP + '\nunit = "column.unit"'}, "[result]: column.unit cannot be read"),
        ({"protocol": 'queries = "R"' + COLUMNS}, "`queries` and the section [query]"),
        ({"protocol": 'letters = ["column.x"]' + COLUMNS}, "[letters]: column.x cannot be read"),
        (
            {"protocol": COLUMNS.replace("width = 8", 'width = 8\ncount = "column.test"')},
            "[groups]: column.test cannot be read there",
        ),
        (
            {"protocol": 'joined = { v = ["column.value"] }' + COLUMNS, "sample_id": "joined.v"},
            "[specimen]: joined.v cannot be read there",
        ),
        ({"protocol": COLUMNS, "top": "[link]\nreceive_s = 20"}, "receive_s is not of this protocol"),
    ],
)  # fmt: skip
def test_a_path_that_names_nothing_is_told_with_what_there_is(
    profile: dict[str, str], complaint: str
) -> None:
    """What belongs to one result never names a sample."""
    assert complaint in _refusal(**profile)


def test_options_of_other_links_are_refused() -> None:
    """A line's `link` table has nothing to say here."""
    with pytest.raises(DriverError, match="receive_s is not of this protocol"):
        TelegramProfile().driver().make_link({"receive_s": 5})
