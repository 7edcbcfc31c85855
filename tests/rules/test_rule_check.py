"""Faults planted in a rule set: each is told by its name, at its line."""

from __future__ import annotations

import pytest

from middleware.rules.check import House, check, errors_in
from middleware.rules.problems import Code, Weight
from tests.kit.places import ROOT
from tests.kit.rule_facts import POTASSIUM, SEROLOGY
from tests.kit.rule_laboratory import laboratory, rules_of

# POTASSIUM has four lines, so the rules begin at line 5.
GOOD = (
    POTASSIUM
    + """[[rule]]
id = "k"
test = "K"
measuring = { low = 1.5, high = 10, above = "rerun", dilution = 5 }
absurd = { low = 1.0, high = 15.0 }
critical = { low = 2.5, high = 6.2 }
review = { low = 3.0, high = 5.8 }
[[rule]]
id = "babies"
test = "K"
age = { below = "28 d" }
critical = { low = 2.5, high = 7.0 }
[[rule]]
id = "children"
test = "K"
age = { from = "28 d", below = "18 a" }
critical = { low = 2.5, high = 6.5 }
"""
)


def planted(old: str, new: str) -> list[tuple[Code, str]]:
    """The problems after one thing was changed."""
    assert old in GOOD
    return [(one.code, one.place) for one in check(rules_of(GOOD.replace(old, new, 1)))]


def told(text: str, house: House | None = None) -> list[tuple[Code, str]]:
    """What is told of a whole text; notes are left to the tests that look for them."""
    problems = check(rules_of(text), house)
    return [(one.code, one.place) for one in problems if one.weight is not Weight.NOTE]


def test_a_good_rule_set_has_no_problem() -> None:
    """Nothing is told where nothing is wrong; the made-up laboratory has none either."""
    assert told(GOOD) == []
    assert told(laboratory(16)) == []


FAULTS = [
    ("low = 2.5, high = 6.2", "low = 6.2, high = 2.5", Code.SWAPPED_LIMITS, "rules.toml:10"),
    ("low = 3.0, high = 5.8 }\n[[", "}\n[[", Code.NO_LIMIT, "rules.toml:11"),
    ('test = "K"\nmea', 'test = "K"\nunit = "mg/dL"\nmea', Code.WRONG_UNIT, "rules.toml:8"),
    ('test = "K"\nmea', 'test = "K"\nunit = "mmoles"\nmea', Code.UNKNOWN_UNIT, "rules.toml:8"),
    ("high = 5.8 }", "high = 5.85 }", Code.FINER_THAN_RESULT, "rules.toml:11"),
    ('below = "28 d"', 'below = "2 d"', Code.GAP_BETWEEN_BANDS, "rules.toml:21"),
    ('below = "28 d"', 'below = "29 d"', Code.OVERLAPPING_BANDS, "rules.toml:21"),
    ('below = "28 d"', 'below = "28 a"', Code.OVERLAPPING_BANDS, "rules.toml:21"),
    (
        'from = "28 d", below = "18 a"',
        'from = "18 a", below = "28 d"',
        Code.EMPTY_BAND,
        "rules.toml:20",
    ),
    (
        "critical = { low = 2.5, high = 6.2 }",
        "critical = { low = 2.5, high = 5.7 }",
        Code.CRITICAL_INSIDE_REVIEW,
        "rules.toml:11",
    ),
    ("review = { low = 3.0", "review = { low = 2.4", Code.CRITICAL_INSIDE_REVIEW, "rules.toml:11"),
    ("high = 7.0", "high = 16.0", Code.OUTSIDE_ABSURD, "rules.toml:16"),
    ("measuring = { low = 1.5", "measuring = { low = 2.8", Code.OUTSIDE_MEASURING, "rules.toml:10"),
    (
        "review = { low = 3.0, high = 5.8 }",
        "review = { low = 7.1, high = 9.0 }",
        Code.NOTHING_RELEASED,
        "rules.toml:5",
    ),
    (
        'id = "children"\ntest = "K"',
        'id = "children"\ntest = "KK"',
        Code.UNKNOWN_TEST,
        "rules.toml:19",
    ),
    (
        "high = 6.5 }",
        "high = 6.5 }\noff = ['critical']",
        Code.SETTING_WITHOUT_EFFECT,
        "rules.toml:22",
    ),
    ("high = 6.5 }", "high = 6.5 }\noff = ['delta']", Code.OFF_WITHOUT_EFFECT, "rules.toml:22"),
    ('age = { below = "28 d" }', "age = {}", Code.SETTING_WITHOUT_EFFECT, "rules.toml:15"),
    ('above = "rerun", ', "", Code.SETTING_WITHOUT_EFFECT, "rules.toml:8"),
    (
        "high = 6.5 }",
        "high = 6.5 }\nflags = { ignore = ['N'], block = ['N'] }",
        Code.NAME_TWICE,
        "rules.toml:22",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "place"), FAULTS)
def test_a_planted_fault_is_told_by_name(old: str, new: str, code: Code, place: str) -> None:
    """With the line where it stands."""
    assert (code, place) in planted(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("review = { low = 3.0, high = 5.8 }", "review = { low = 2.5, high = 6.2 }"),
        ("absurd = { low = 1.0, high = 15.0 }", "absurd = { low = 2.5, high = 7.0 }"),
        ("measuring = { low = 1.5, high = 10", "measuring = { low = 2.5, high = 7.0"),
    ],
)
def test_limits_that_touch_do_not_contradict_each_other(old: str, new: str) -> None:
    """What is critical may be exactly what is reviewed."""
    assert planted(old, new) == []


def test_limits_that_leave_one_value_release_it() -> None:
    """Where low and high are the same, that value is inside."""
    assert (Code.NOTHING_RELEASED, "rules.toml:5") not in planted(
        "review = { low = 3.0, high = 5.8 }", "review = { low = 6.2, high = 6.2 }"
    )


def test_bands_without_a_rule_for_the_rest_leave_a_gap() -> None:
    """No general rule fills what lies between; before the first and after the last band it is a warning."""
    text = POTASSIUM + (
        '[[rule]]\ntest = "K"\nage = { from = "1 d", below = "28 d" }\nreview = { high = 6 }\n'
        '[[rule]]\ntest = "K"\nage = { from = "1 a", below = "90 a" }\nreview = { high = 5 }\n'
    )
    problems = {one.code: one for one in check(rules_of(text)) if "BANDS" in one.code.name}
    assert problems[Code.GAP_BETWEEN_BANDS].place == "rules.toml:12"
    assert "28 d to below 1 a" in problems[Code.GAP_BETWEEN_BANDS].message
    assert problems[Code.GAP_BETWEEN_BANDS].weight is Weight.ERROR
    assert problems[Code.OUTSIDE_BANDS].weight is Weight.WARNING


def test_a_gap_is_told_only_where_no_other_rule_fills_it() -> None:
    """The general rule `k` states critical limits for every age."""
    assert Code.GAP_BETWEEN_BANDS not in [code for code, _place in told(GOOD)]
    bare = GOOD.replace("critical = { low = 2.5, high = 6.2 }\n", "")
    wide = bare.replace('from = "28 d"', 'from = "30 d"')
    assert (Code.GAP_BETWEEN_BANDS, "rules.toml:20") in told(wide)


def test_a_gap_that_the_general_rule_fills_in_silence_is_told() -> None:
    """Between 2 d and 28 d the limits of adults would count for babies: hardly what was meant."""
    problems = check(rules_of(GOOD.replace('below = "28 d"', 'below = "2 d"', 1)))
    (gap,) = [one for one in problems if one.code is Code.GAP_BETWEEN_BANDS]
    assert gap.weight is Weight.NOTE
    assert "k (rules.toml:10)" in gap.message


@pytest.mark.parametrize(
    "ages", ['below = "28 d"', 'from = "14 d", below = "18 a"', 'from = "1 mo", below = "1 a"']
)
def test_a_band_inside_another_is_a_way_to_override_it(ages: str) -> None:
    """The narrower one goes first, also where both begin or end together; a note asks whether it is meant."""
    rule = '[[rule]]\ntest = "K"\nage = {{ {0} }}\nreview = {{ high = {1} }}\n'
    text = POTASSIUM + rule.format('below = "18 a"', 6) + rule.format(ages, 5)
    problems = [one for one in check(rules_of(text)) if one.code is Code.OVERLAPPING_BANDS]
    assert [one.weight for one in problems] == [Weight.NOTE]


RULE = '[[rule]]\nid = "{0}"\ntest = "K"\n{1}\nreview = {{ high = {2} }}\n'


def test_a_rule_of_the_same_scope_shadows_the_earlier() -> None:
    """Only the last of two equal scopes ever counts."""
    text = POTASSIUM + RULE.format("a", "", 5) + RULE.format("b", "", 6)
    (problem,) = check(rules_of(text))
    assert (problem.code, problem.rule, problem.place) == (Code.SHADOWED_RULE, "a", "rules.toml:9")
    assert "b (rules.toml:10)" in problem.message


def test_a_rule_that_several_others_cover_is_dead() -> None:
    """Women, men and others have rules of their own: nobody is left for the rule of a line."""
    text = POTASSIUM + RULE.format("dead", 'lines = ["chem-1"]', 5)
    text += "".join(RULE.format(sex, f'sex = "{sex}"', 6) for sex in ("female", "male", "other"))
    assert [(one.code, one.rule) for one in errors_in(check(rules_of(text)))] == [
        (Code.DEAD_RULE, "dead")
    ]


def test_a_rule_for_what_the_site_does_not_have_is_told() -> None:
    """A line that was renamed takes its rules with it."""
    house = House(frozenset({"chem-2"}), frozenset({"ICU"}))
    text = (
        POTASSIUM
        + RULE.format("a", 'lines = ["chem-1"]', 5)
        + RULE.format("b", "locations = ['WARD']", 5)
    )
    found = told(text, house)
    assert (Code.UNKNOWN_LINE, "rules.toml:8") in found
    assert (Code.DEAD_RULE, "rules.toml:5") in found
    assert (Code.UNKNOWN_LOCATION, "rules.toml:13") in found


def test_a_rule_for_a_specimen_that_the_test_does_not_have_is_dead() -> None:
    """The declaration of the test and its rules contradict each other."""
    text = POTASSIUM + 'specimens = ["serum"]\n' + RULE.format("a", 'specimens = ["urine"]', 5)
    codes = [code for code, _place in told(text)]
    assert Code.UNKNOWN_SPECIMEN in codes
    assert Code.DEAD_RULE in codes


def test_limits_that_have_no_exact_form_in_the_units_of_the_test_are_refused() -> None:
    """U/L to ukat/L is a sixtieth: 100 U/L would be 1.666... ukat/L."""
    text = '[test.ALT]\nunit = "ukat/L"\ndecimals = 2\n[[rule]]\ntest = "ALT"\nunit = "U/L"\nreview = { high = 100 }\n'
    assert told(text) == [(Code.LIMIT_NOT_EXACT, "rules.toml:7")]
    assert told(text.replace("100", "120")) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("review = { high = 5 }", Code.NO_NUMBERS),
        ("first_positive = { words = ['REACTIVE'] }", Code.SETTING_WITHOUT_EFFECT),
        ("first_positive = {}", Code.NO_LIMIT),
        ("indices = {}", Code.NO_LIMIT),
    ],
)
def test_settings_that_a_test_of_words_cannot_have_are_told(rule: str, code: Code) -> None:
    """HBsAg is positive or negative."""
    text = f'{SEROLOGY}[[rule]]\ntest = "HBSAG"\n{rule}\n'
    assert (code, "rules.toml:5") in told(text)


RELATION = '[[consistency]]\nid = "r"\n'
IONS = (
    '[test.A]\nunit = "mmol/L"\ndecimals = 1\n[test.B]\nunit = "g/L"\ndecimals = 1\n'
    '[test.W]\nwords = ["x"]\n[[rule]]\ntests = ["A", "B"]\nreview = { high = 9 }\n'
    '[[rule]]\ntest = "W"\nqc = {}\n'
)


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ('kind = "ratio"\ntests = ["A", "B"]\nlow = 1', []),
        ('kind = "ratio"\ntests = ["A", "B"]', [Code.NO_LIMIT]),
        ('kind = "ratio"\ntests = ["A", "B"]\nlow = 2\nhigh = 1', [Code.SWAPPED_LIMITS]),
        ('kind = "part"\ntests = ["A", "B"]', [Code.WRONG_UNIT]),
        ('kind = "sum"\ntests = ["A", "B"]\nhigh = 1', [Code.WRONG_UNIT]),
        ('kind = "sum"\ntests = ["A", "B"]\nfactors = [1, 2]\nhigh = 1', []),
        ('kind = "ratio"\ntests = ["A", "Z"]\nlow = 1', [Code.UNKNOWN_TEST]),
        ('kind = "ratio"\ntests = ["A", "W"]\nlow = 1', [Code.NO_NUMBERS]),
    ],
)
def test_relations_are_checked_too(settings: str, codes: list[Code]) -> None:
    """What cannot be compared is told before a result is."""
    assert [code for code, _place in told(IONS + RELATION + settings + "\n")] == codes


def test_tests_that_would_always_or_never_be_held_are_told() -> None:
    """A declared test without a rule, one that may be nothing, and numbers without any limit."""
    text = '[test.A]\nunit = "mmol/L"\n[[rule]]\ntest = "A"\nqc = {}\n' + POTASSIUM
    assert told(text) == [
        (Code.NOTHING_RELEASED, "rules.toml:1"),
        (Code.WITHOUT_RULE, "rules.toml:6"),
    ]
    bare = POTASSIUM + '[[rule]]\ntest = "K"\nqc = {}\n'
    assert told(bare) == [(Code.WITHOUT_LIMITS, "rules.toml:1")]
    strange = (
        POTASSIUM.replace("mmol/L", "widgets") + '[[rule]]\ntest = "K"\nreview = { high = 5 }\n'
    )
    assert told(strange) == [(Code.UNKNOWN_UNIT, "rules.toml:3")]


def test_the_rule_file_of_the_document_is_a_good_one() -> None:
    """Whoever copies the example starts without a mistake."""
    document = (ROOT / "middleware" / "rules" / "README.md").read_text(encoding="utf-8")
    example = document.split("```toml\n")[1].split("```")[0]
    others = "".join(
        f'[test.{test}]\nunit = "mmol/L"\ndecimals = 0\n[[rule]]\ntest = "{test}"\nreview = {{ low = 1 }}\n'
        for test in ("NA", "CL", "HCO3")
    )
    alone = example.replace('include = ["common.toml"]', "")
    assert [one for one in check(rules_of(alone + others)) if one.weight is not Weight.NOTE] == []
