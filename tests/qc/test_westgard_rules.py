"""Every Westgard rule on both sides of its limit, by the definitions of the fact sheet (section 3.1)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.qc.codes import Action, PointVerdict, Scope
from middleware.qc.rules import LOOK_BACK, RULES, THREE_LEVELS, TWO_LEVELS, RuleChoice, rule_set
from middleware.qc.targets import Target
from middleware.qc.westgard import (
    LEVELS_MAX,
    Judgement,
    Measured,
    Series,
    evaluate,
    point_of,
    restarted,
    without_level,
)

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TARGET = Target(Decimal(100), Decimal(5))
ALL = rule_set(tuple(RULES))


def judged(
    runs: Sequence[Sequence[str | None]], rules=ALL, series: Series | None = None
) -> list[Judgement]:
    """Judge z-scores, run by run and level by level; None: the level was not measured in that run."""
    series = series or Series()
    found = []
    order = 0
    for number, run in enumerate(runs):
        for level, z in enumerate(run, start=1):
            if z is None:
                continue
            order += 1
            value = TARGET.mean + Decimal(z) * TARGET.sd
            at = START + timedelta(hours=4 * number, minutes=level)
            measured = Measured(f"L{level}", value, at, order)
            found.append(evaluate(series, point_of(measured, TARGET), rules))
            series = found[-1].series
    return found


def broken(runs: Sequence[Sequence[str | None]], rules=ALL) -> set[tuple[str, str]]:
    """Everything that any value of the runs breaks, as (rule, scope)."""
    return {
        (violation.rule, violation.scope.value)
        for one in judged(runs, rules)
        for violation in one.violations
    }


def vector(text: str) -> list[list[str]]:
    """`2.4,0.1; 1,2` as runs of levels."""
    return [[z.strip() for z in run.split(",")] for run in text.split(";")]


MIXED = ("0.1", "-0.1", "0.1", "-0.1", "0.1", "-0.1", "0.1")
VECTORS = [
    ("V1", vector("2.4,0.1"), {("1-2s", "point")}),
    ("V2", vector("3.01,0.2"), {("1-2s", "point"), ("1-2.5s", "point"), ("1-3s", "point")}),
    ("V3", vector("2.1,0.3; 2.2,-0.4"), {("1-2s", "point"), ("2-2s", "within")}),
    ("V4", vector("2.3,2.1"), {("1-2s", "point"), ("2-2s", "across")}),
    ("V5", vector("2.3,-2.2"), {("1-2s", "point"), ("R-4s", "across"), ("R-4s range", "across")}),
    ("V6", vector("2.8,-1.3"), {("1-2s", "point"), ("1-2.5s", "point"), ("R-4s range", "across")}),
    ("V7", vector("1.2,1.1; 1.4,1.3"), {("3-1s", "across"), ("4-1s", "across")}),
    (
        "V8",
        [list(pair) for pair in zip(("1.2", "1.4", "1.1", "1.5"), MIXED, strict=False)],
        {("3-1s", "within"), ("4-1s", "within")},
    ),
    (
        "V9",
        vector("; ".join(["0.2,0.3"] * 5)),
        {("6x", "across"), ("8x", "across"), ("9x", "across"), ("10x", "across")},
    ),
    ("V10", vector("2.1,0.2,2.2"), {("1-2s", "point"), ("2-2s", "across"), ("2of3-2s", "across")}),
    ("V11", vector("-1.5; -1.0; -0.6; -0.1; 0.3; 0.7; 1.1"), {("7T", "within")}),
    ("V12", vector("2.0,-2.0"), {("R-4s range", "across")}),
    ("V13", vector("0.5; 0.4; 0.3; 0.0; 0.2; 0.1"), set()),
    ("V14", vector("1.3,1.2,1.1"), {("3-1s", "across")}),
]
# The vectors name sets of rules; rules that say the same of the same values are told beside them here.
ALSO = {
    "V3": {("2of3-2s", "within")},
    "V4": {("2of3-2s", "across")},
}


@pytest.mark.parametrize(("name", "runs", "expected"), VECTORS, ids=[row[0] for row in VECTORS])
def test_the_vectors_of_the_fact_sheet_break_what_they_should(name, runs, expected) -> None:
    """Fourteen hand-made series, made with another implementation of the same definitions."""
    found = broken(runs)
    same_level = {one for one in found if one[1] == "across"} if len(runs[0]) == 1 else set()
    assert found - same_level == expected | ALSO.get(name, set())


LIMITS = [
    ("1-2s", "2"),
    ("1-2.5s", "2.5"),
    ("1-3s", "3"),
    ("1-3.5s", "3.5"),
    ("1-4s", "4"),
    ("1-5s", "5"),
]


@pytest.mark.parametrize(("name", "limit"), LIMITS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_single_value_breaks_its_limit_only_beyond_it(name: str, limit: str, sign: str) -> None:
    """On the limit is not beyond it, on either side."""
    rules = rule_set([name])
    assert broken([[sign + limit]], rules) == set()
    assert broken([[sign + limit + ("0001" if "." in limit else ".0001")]], rules) == {
        (name, "point")
    }


ROWS = [("3-1s", 3, "1"), ("4-1s", 4, "1"), ("6x", 6, "0"), ("8x", 8, "0"), ("9x", 9, "0")]
ROWS += [("10x", 10, "0"), ("12x", 12, "0")]


@pytest.mark.parametrize(("name", "count", "limit"), ROWS)
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("scope", [Scope.WITHIN, Scope.ACROSS])
def test_a_row_breaks_its_rule_at_its_number_and_not_before(
    name, count, limit, sign, scope
) -> None:
    """One value fewer, one value on the limit, or one on the other side: nothing."""
    rules = rule_set([RuleChoice(name=name, scopes=(scope,))])
    beyond, on_it, other = f"{sign}{limit}.1", sign + limit, f"{'' if sign else '-'}{limit}.1"

    def runs(row: list[str]) -> list[list[str]]:
        return [[z] for z in row] if scope is Scope.WITHIN else _in_pairs(row)

    assert broken(runs([beyond] * count), rules) == {(name, scope.value)}
    assert broken(runs([beyond] * (count - 1)), rules) == set()
    for at in (0, count // 2, count - 1):
        for stranger in (on_it, other):
            row = [beyond] * count
            row[at] = stranger
            assert broken(runs(row), rules) == set()


def _in_pairs(row: list[str]) -> list[list[str]]:
    return [row[at : at + 2] for at in range(0, len(row), 2)]


def test_two_of_2s_within_needs_two_runs_in_a_row() -> None:
    """A value inside the limit between them ends it; so does the other side."""
    rules = rule_set([RuleChoice(name="2-2s", scopes=(Scope.WITHIN,))])
    assert broken(vector("2.1; 2.1"), rules) == {("2-2s", "within")}
    assert broken(vector("-2.1; -2.1"), rules) == {("2-2s", "within")}
    assert broken(vector("2.1; 2.0"), rules) == set()
    assert broken(vector("2.1; 0; 2.1"), rules) == set()
    assert broken(vector("2.1; -2.1"), rules) == set()


def test_two_of_2s_across_stays_inside_one_run() -> None:
    """The last level of one run and the first of the next are no pair."""
    rules = rule_set([RuleChoice(name="2-2s", scopes=(Scope.ACROSS,))])
    assert broken(vector("2.1, 2.1"), rules) == {("2-2s", "across")}
    assert broken(vector("2.0, 2.1"), rules) == set()
    assert broken(vector("0, 2.1; 2.1, 0"), rules) == set()


@pytest.mark.parametrize("scope", ["within", "across"])
def test_two_of_three_may_have_one_inside_between_them(scope: str) -> None:
    """Of the last three of a level, or of the three levels of a run; on the limit counts as inside."""
    rules = rule_set([RuleChoice(name="2of3-2s", scopes=(Scope(scope),))])

    def runs(text: str) -> list[list[str]]:
        return vector(text.replace(",", ";")) if scope == "within" else vector(text)

    assert broken(runs("2.1, 0, 2.1"), rules) == {("2of3-2s", scope)}
    assert broken(runs("-2.1, 0, -2.1"), rules) == {("2of3-2s", scope)}
    assert broken(runs("2.1, 0, 2.0"), rules) == set()
    assert broken(runs("2.1, 0, -2.1"), rules) == set()


def test_two_of_three_looks_no_further_back_than_three() -> None:
    """The fourth value of a level cannot be one of three."""
    rules = rule_set([RuleChoice(name="2of3-2s", scopes=(Scope.WITHIN,))])
    assert broken(vector("2.1; 0; 0; 2.1"), rules) == set()


def test_r_4s_in_its_two_published_forms() -> None:
    """One beyond each side; or four SD apart. Never across runs."""
    classic, spread = rule_set(["R-4s"]), rule_set(["R-4s range"])
    assert broken(vector("2.1, -2.1"), classic) == {("R-4s", "across")}
    assert broken(vector("2.0, -2.1"), classic) == set()
    assert broken(vector("2.1, -2.0"), classic) == set()
    assert broken(vector("2.1; -2.1"), classic) == set()
    assert broken(vector("2.8, -1.2"), spread) == {("R-4s range", "across")}
    assert broken(vector("2.8, -1.1999"), spread) == set()
    assert broken(vector("2.8; -1.3"), spread) == set()


def test_four_sd_apart_is_exact_where_division_is_not() -> None:
    """Means and SDs differ between levels: sevenths and elevenths have no end in decimals."""
    rules = rule_set(["R-4s range"])
    one, other = Target(Decimal(10), Decimal(7)), Target(Decimal(20), Decimal(11))
    for less, expected in ((Decimal(0), 1), (Decimal("1e-20"), 0)):
        first = point_of(Measured("L1", Decimal(10) + 16, START, 1), one)
        low = Decimal(20) - Decimal(132) / 7 * 1
        # 16/7 + x/11 = 4 has the solution x = 132/7, which is no decimal: take x = 132/7 rounded up.
        second = point_of(Measured("L2", low - Decimal("1e-24") + less, START, 2), other)
        series = evaluate(Series(), first, rules).series
        assert len(evaluate(series, second, rules).violations) == expected


@pytest.mark.parametrize("step", [1, -1])
def test_a_trend_is_seven_in_a_row_and_equal_values_end_it(step: int) -> None:
    """Strictly rising, or strictly falling."""
    rules = rule_set(["7T"])
    rising = [str(Decimal(at * step) / 10) for at in range(7)]
    assert broken([[z] for z in rising], rules) == {("7T", "within")}
    assert broken([[z] for z in rising[:6]], rules) == set()
    level_ground = [*rising[:3], rising[2], *rising[3:6]]
    assert broken([[z] for z in level_ground], rules) == set()
    turned = [*rising[:6], rising[0]]
    assert broken([[z] for z in turned], rules) == set()


def test_a_warning_is_no_rejection_and_the_laboratory_decides_which_it_is() -> None:
    """1-2s warns by default and may be made a rejection."""
    assert judged([["2.1"]], rule_set(["1-2s"]))[0].verdict is PointVerdict.WARNING
    strict = rule_set([RuleChoice(name="1-2s", action=Action.REJECT)])
    assert judged([["2.1"]], strict)[0].verdict is PointVerdict.REJECTED
    assert judged([["2.0"]], strict)[0].verdict is PointVerdict.ACCEPTED


def test_the_text_of_a_violation_has_the_numbers() -> None:
    """A person reads which rule, which levels, and how far."""
    (violation,) = judged(vector("2.3,-2.2"), rule_set(["R-4s"]))[1].violations
    assert violation.text == "Rule R-4s across is broken: L1 +2.30 SD, L2 -2.20 SD."


def test_levels_of_a_run_may_come_in_any_order() -> None:
    """What a run breaks does not depend on which level was measured first."""
    wanted = broken(vector("1.2,1.1; 1.4,1.3"), rule_set(["4-1s"]))
    series, rules, found = Series(), rule_set(["4-1s"]), set()
    for number, (level, z) in enumerate(
        (("L2", "1.1"), ("L1", "1.2"), ("L2", "1.3"), ("L1", "1.4"))
    ):
        at = START + timedelta(hours=4 * (number // 2), minutes=number)
        value = TARGET.mean + Decimal(z) * TARGET.sd
        one = evaluate(series, point_of(Measured(level, value, at, number), TARGET), rules)
        found |= {(violation.rule, violation.scope.value) for violation in one.violations}
        series = one.series
    assert found == wanted == {("4-1s", "across")}


def _numbers(measured: Sequence[Measured]) -> list[int]:
    series, numbers = Series(), []
    for one in measured:
        series = evaluate(series, point_of(one, TARGET), ALL).series
        numbers.append(series.run_number)
    return numbers


def test_levels_within_the_window_are_one_run_and_the_same_level_again_is_another() -> None:
    """Sixty minutes to the minute; a repeat is never the same run."""
    value = Decimal(100)
    minutes = [("L1", 0), ("L2", 60), ("L3", 61), ("L1", 62), ("L1", 63)]
    measured = [
        Measured(level, value, START + timedelta(minutes=minute), order)
        for order, (level, minute) in enumerate(minutes)
    ]
    assert _numbers(measured) == [1, 1, 2, 2, 3]


def test_a_run_id_says_which_run_whatever_the_time() -> None:
    """Two analyzers' ways: a long run with one id, and two short ones with two."""
    value, day = Decimal(100), timedelta(days=1)
    measured = [
        Measured("L1", value, START, 1, "A"),
        Measured("L2", value, START + day, 2, "A"),
        Measured("L3", value, START + day, 3, "B"),
        Measured("L2", value, START + day, 4, ""),
    ]
    assert _numbers(measured) == [1, 1, 2, 3]


def test_after_a_resolved_rejection_sequences_begin_anew() -> None:
    """Values before the break do not count, and the next run has a new number."""
    before = judged(vector("2.1,0"), rule_set(["2-2s"]))[-1].series
    again = judged(vector("2.1,0"), rule_set(["2-2s"]), restarted(before))
    assert [one.violations for one in again] == [(), ()]
    assert again[0].run_number == before.run_number + 1
    assert judged(vector("2.1,0"), rule_set(["2-2s"]), before)[0].violations


@pytest.mark.parametrize(("minutes", "is_kept"), [(-1, True), (0, False), (1, False)])
def test_a_run_of_after_the_action_stays_when_sequences_begin_anew(minutes, is_kept) -> None:
    """It began at 08:01; only an action of before that lets it go on."""
    before = judged(vector("2.1,0"), rule_set(["2-2s"]))[-1].series
    kept = restarted(before, START + timedelta(minutes=1 + minutes))
    assert kept.run == (before.run if is_kept else ())
    assert kept.earlier == ()


def test_a_new_lot_of_one_level_forgets_that_level_only() -> None:
    """The other level goes on counting."""
    before = judged(vector("2.1,2.0"), rule_set(["2-2s"]))[-1].series
    after = without_level(before, "L1")
    rules = rule_set([RuleChoice(name="2-2s", scopes=(Scope.WITHIN,))])
    later = [Measured(level, Decimal(111), START + timedelta(hours=5), 9) for level in ("L1", "L2")]
    assert [bool(evaluate(before, point_of(one, TARGET), rules).violations) for one in later] == [
        True,
        False,
    ]
    assert not evaluate(after, point_of(later[0], TARGET), rules).violations


@pytest.mark.slow
def test_a_series_never_grows_beyond_what_the_rules_need() -> None:
    """A year of runs takes no more room than a week."""
    last = judged([["0.1", "-0.2", "0.3"]] * 100)[-1].series
    assert len(last.earlier) == LOOK_BACK
    assert [len(history) for _, history in last.levels] == [LOOK_BACK] * 3


def test_more_levels_than_any_material_has_are_refused() -> None:
    """A wrong mapping must not fill the memory."""
    with pytest.raises(ValueError, match="at most"):
        judged([["0"] * (LEVELS_MAX + 1)])


def test_a_rule_that_does_not_exist_or_fit_is_refused() -> None:
    """The laboratory hears it when it checks its settings."""
    with pytest.raises(ValueError, match="no rule is called 1-6s"):
        rule_set(["1-6s"])
    with pytest.raises(ValueError, match="R-4s is not defined within"):
        RuleChoice(name="R-4s", scopes=(Scope.WITHIN,))
    with pytest.raises(ValueError, match="chosen twice: 10x"):
        rule_set(["10x", RuleChoice(name="10x", scopes=(Scope.WITHIN,))])
    assert rule_set(TWO_LEVELS).active
    assert rule_set(THREE_LEVELS).active


SIDES = {1: lambda z, k: z > k, -1: lambda z, k: z < -k}


def _oracle(levels: int, runs: list[list[Decimal]]) -> set[tuple[str, str, int]]:
    """The definitions over the whole history at once: (rule, scope, number of the value that ends it)."""
    found = set()
    for name, count, limit in ROWS:
        k = Decimal(limit)
        rows = {("across", tuple(enumerate(itertools.chain.from_iterable(runs))))}
        rows |= {
            (
                "within",
                tuple((number * levels + level, run[level]) for number, run in enumerate(runs)),
            )
            for level in range(levels)
        }
        for scope, row in rows:
            for end in range(count, len(row) + 1):
                part = row[end - count : end]
                if any(all(is_beyond(z, k) for _, z in part) for is_beyond in SIDES.values()):
                    found.add((name, scope, part[-1][0]))
    return found


Z = st.integers(-30, 30).map(lambda tenths: Decimal(tenths) / 10)


@pytest.mark.slow
@given(
    st.integers(2, 3).flatmap(lambda n: st.lists(st.lists(Z, min_size=n, max_size=n), max_size=9))
)
def test_sequences_found_one_by_one_are_those_of_the_whole_history(runs) -> None:
    """The incremental answer is the definition's answer, for every value."""
    levels = len(runs[0]) if runs else 2
    rules = rule_set([name for name, _, _ in ROWS])
    found = {
        (violation.rule, violation.scope.value, one.point.order - 1)
        for one in judged([[str(z) for z in run] for run in runs], rules)
        for violation in one.violations
    }
    assert found == _oracle(levels, runs)
