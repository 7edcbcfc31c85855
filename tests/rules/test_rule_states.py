"""Form, unit, specimen type, flags, gates, serum indices, first positives, and results that are sent again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from middleware.rules.criteria import Fate, Index
from middleware.rules.facts import Facts, Released, Source, Status
from tests.kit.rule_facts import POTASSIUM, SEROLOGY, book_of, clean, fate, found, potassium

WIDE = "review = { low = 0, high = 99 }"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"value": None}, "form/no_value"),
        ({"value": Decimal("NaN")}, "form/no_value"),
        ({"value": Decimal("1E+99")}, "form/no_value"),
        ({"comparator": "~"}, "form/no_value"),
        ({"value": Decimal("4.21")}, "form/decimals"),
        ({"unit": "mg/dL"}, "unit/differs"),
        ({"unit": ""}, "unit/differs"),
        ({"unit": "MMOL/L "}, "unit/differs"),
    ],
)
def test_a_form_or_unit_that_is_not_declared_holds(changes: dict[str, Any], name: str) -> None:
    """No rule has to say so, and no rule can put it off."""
    assert found(potassium(WIDE), clean(**changes)) == [name]


@pytest.mark.parametrize("unit", ["mmol/L", "mmol/l", "mM/L"])
def test_another_spelling_of_the_unit_is_the_same_unit(unit: str) -> None:
    """`mmol/l` is what many analyzers write."""
    assert found(potassium(WIDE), clean(unit=unit)) == []


def test_trailing_zeros_are_no_decimals() -> None:
    """4.20 is 4.2."""
    assert found(potassium(WIDE), clean("4.20")) == []


def test_a_specimen_type_that_is_not_declared_holds() -> None:
    """Potassium of an EDTA tube is none."""
    head = POTASSIUM + 'specimens = ["serum"]\n[[rule]]\ntest = "K"\n' + WIDE
    assert found(book_of(head), clean()) == []
    assert found(book_of(head), clean(specimen="EDTA")) == ["specimen/differs"]
    assert found(book_of(head), clean(specimen=None)) == ["specimen/unknown"]


def test_words_are_released_when_they_are_listed() -> None:
    """A number is no word, and a word that nobody listed is none either."""
    book = book_of(f'{SEROLOGY}[[rule]]\ntest = "HBSAG"\nqc = {{}}')
    word = clean(test="HBSAG", value=None, text="NEG", unit="")
    assert found(book, word) == []
    assert found(book, clean(test="HBSAG", value=None, text="neg", unit="")) == ["form/no_value"]
    assert found(book, clean("1", test="HBSAG", unit="")) == ["form/number"]


FLAGS = 'flags = { ignore = ["N"], rerun = ["CLOT"], block = ["ERR"] }'


@pytest.mark.parametrize(
    ("flags", "name", "expected"),
    [
        ((), "", Fate.RELEASE),
        (("N",), "", Fate.RELEASE),
        (("CLOT",), "flags/rerun", Fate.RERUN),
        (("ERR",), "flags/block", Fate.BLOCK),
        (("ERR", "CLOT", "N"), "flags/block", Fate.BLOCK),
        (("NEW",), "flags/unknown", Fate.HOLD),
        (("N", "NEW"), "flags/unknown", Fate.HOLD),
        (("CLOT", "NEW"), "flags/rerun", Fate.RERUN),
    ],
)
def test_every_flag_leads_to_what_is_listed(
    flags: tuple[str, ...], name: str, expected: Fate
) -> None:
    """The strictest of several counts; an unknown one holds."""
    book, facts = potassium(FLAGS), clean(flags=flags)
    assert (found(book, facts), fate(book, facts)) == ([name] if name else [], expected)


def test_any_flag_holds_where_no_rule_speaks_of_flags() -> None:
    """An alarm that nobody thought of is not overheard."""
    assert found(potassium(WIDE), clean(flags=("N",))) == ["flags/unknown"]
    assert found(potassium(WIDE + '\noff = ["flags"]'), clean(flags=("N",))) == []


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize(
    ("status", "warning", "code"),
    [
        (Status.GOOD, "hold", ""),
        (Status.WARNING, "hold", "warning"),
        (Status.WARNING, "ignore", ""),
        (Status.BAD, "ignore", "bad"),
        (Status.EXPIRED, "ignore", "expired"),
        (Status.UNKNOWN, "ignore", "unknown"),
        (None, "ignore", "unknown"),
    ],
)
def test_a_gate_opens_only_for_a_good_status(
    source: Source, status: Status | None, warning: str, code: str
) -> None:
    """A status that nobody gave is not known, and holds."""
    statuses = dict.fromkeys(Source, Status.GOOD) | ({source: status} if status else {})
    if status is None:
        del statuses[source]
    book = potassium(f'{source.value} = {{ warning = "{warning}" }}')
    expected = [f"{source.value}/{code}"] if code else []
    assert found(book, clean(statuses=statuses)) == expected


INDICES = 'indices = { haemolysis = { above = 50 }, lipaemia = { above = 300, then = "rerun" }'


@pytest.mark.parametrize(
    ("levels", "names", "expected"),
    [
        ({"haemolysis": 50, "lipaemia": 300}, [], Fate.RELEASE),
        ({"haemolysis": 51, "lipaemia": 0}, ["indices/haemolysis"], Fate.HOLD),
        ({"haemolysis": 0, "lipaemia": 301}, ["indices/lipaemia"], Fate.RERUN),
        (
            {"haemolysis": 99, "lipaemia": 999},
            ["indices/haemolysis", "indices/lipaemia"],
            Fate.RERUN,
        ),
        ({"lipaemia": 0}, ["indices/haemolysis_missing"], Fate.HOLD),
        ({"haemolysis": "NaN", "lipaemia": 0}, ["indices/haemolysis_missing"], Fate.HOLD),
    ],
)
def test_serum_indices_disturb_from_their_limit(
    levels: dict[str, Any], names: list[str], expected: Fate
) -> None:
    """On the limit the test still bears it; an index that does not come holds."""
    facts = clean(indices={Index(key): Decimal(value) for key, value in levels.items()})
    book = potassium(INDICES + " }")
    assert (found(book, facts), fate(book, facts)) == (names, expected)


def test_an_index_may_be_missing_where_the_rule_says_so() -> None:
    """Not every analyzer measures indices."""
    assert found(potassium(INDICES + ', missing = "ignore" }'), clean(indices={})) == []


def serology(**changes: Any) -> Facts:
    known = {"test": "HBSAG", "value": None, "text": "POS", "unit": ""}
    return clean(**(known | changes))


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        (serology(was_positive=False), ["first_positive/first"]),
        (serology(was_positive=True), []),
        (serology(was_positive=None), ["first_positive/history_unknown"]),
        (serology(text="NEG", was_positive=None), []),
    ],
)
def test_the_first_positive_result_of_a_patient_is_held(facts: Facts, names: list[str]) -> None:
    """The second one surprises nobody; an unknown history does."""
    book = book_of(f'{SEROLOGY}[[rule]]\ntest = "HBSAG"\nfirst_positive = {{ words = ["POS"] }}')
    assert found(book, facts) == names


@pytest.mark.parametrize(
    ("comparator", "value", "is_held"),
    [
        ("", "0.9", False),
        ("", "1.0", True),
        ("<", "1.0", False),
        ("<=", "1.0", True),
        ("<", "1.1", True),
        (">", "0.5", True),
    ],
)
def test_a_number_is_positive_when_it_may_reach_the_limit(
    comparator: str, value: str, is_held: bool
) -> None:
    """`<1.0` never is 1.0; `>0.5` may be anything above."""
    book = potassium("first_positive = { at_least = 1.0 }")
    names = found(book, clean(value, comparator=comparator))
    assert names == (["first_positive/first"] if is_held else [])


@pytest.mark.parametrize(
    ("released", "is_held"),
    [
        (None, False),
        (Released(Decimal("4.2")), False),
        (Released(Decimal("4.3")), False),
        (Released(Decimal("4.4")), True),
        (Released(Decimal("4.2"), "", "<"), True),
        (Released(None, "4.2"), True),
    ],
)
def test_what_is_sent_again_and_differs_is_held(released: Released | None, is_held: bool) -> None:
    """Within the tolerance it is the same."""
    names = found(potassium("sent_again = { tolerance = 0.1 }"), clean(released=released))
    assert names == (["sent_again/differs"] if is_held else [])


def test_any_difference_counts_where_no_rule_gives_a_tolerance() -> None:
    """What was reported is not replaced in silence."""
    assert found(potassium(WIDE), clean(released=Released(Decimal("4.3")))) == [
        "sent_again/differs"
    ]
    assert found(potassium(WIDE), clean(released=Released(Decimal("4.20")))) == []
