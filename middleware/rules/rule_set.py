"""The rule set: declared tests, rules, relations between tests and panels, each with the place where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from middleware.errors import SettingsError
from middleware.rules.criteria import (
    Criterion,
    Delta,
    FirstPositive,
    Flags,
    Gate,
    Indices,
    Limits,
    Measuring,
    Number,
    SentAgain,
    Settings,
    Words,
)
from middleware.rules.scope import NO_END, Scope, Sex, days_of

Location = tuple[str | int, ...]
"""A place in a TOML text: keys, and 0-based numbers in arrays."""
RULES_MOST, TESTS_MOST, RULES_OF_A_TEST_MOST = 5000, 2000, 100
_TEST_CODE = Annotated[str, Field(min_length=1, max_length=60)]


class RulesWrong(SettingsError):
    """The rule set cannot be used. `labwire rules check` names file, line and what to write instead."""

    code = "rules-wrong"


def _days(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError('write an age as "28 d", "6 wk", "3 mo" or "18 a"')  # noqa: TRY004
    return days_of(value)


Days = Annotated[int, BeforeValidator(_days)]


class AgeBand(Settings):
    """`from <= age < below`."""

    from_: Days = Field(
        default=0, alias="from", description='First age inside, as "28 d" or "18 a".'
    )
    below: Days = Field(default=NO_END, description="First age that is outside again.")


class DeclaredTest(Settings):
    """`[test.CODE]`: a test under the LIS's code, as the rules know it."""

    name: str = Field(default="", max_length=80, description="Name for people.")
    unit: str = Field(default="", max_length=60, description="Unit of the result in UCUM.")
    decimals: int | None = Field(
        default=None, ge=0, le=8, strict=True, description="Decimals of a number; none: no numbers."
    )
    words: Words = Field(default=(), description="Texts that the result may be.")
    specimens: Words = Field(default=(), description="Specimen types; empty: any.")

    @property
    def resolution(self) -> Decimal:
        """The smallest difference between two results."""
        return Decimal(1).scaleb(-(self.decimals or 0))


class Rule(Settings):
    """`[[rule]]`: criteria for tests in one scope. The most specific rule that states a criterion counts."""

    id: str = Field(default="", max_length=60, description="A name of its own, for reports.")
    tests: tuple[_TEST_CODE, ...] = Field(min_length=1, description="LIS codes; `test` for one.")
    lines: Words = Field(default=(), description="Only results of these lines.")
    age: AgeBand | None = Field(default=None, description="Only patients of this age.")
    sex: Sex | None = Field(default=None, description="Only patients of this sex.")
    locations: Words = Field(default=(), description="Only patients at these locations.")
    specimens: Words = Field(default=(), description="Only these specimen types.")
    unit: str = Field(
        default="", max_length=60, description="Unit of limits here; empty: the test's."
    )
    off: tuple[Criterion, ...] = Field(default=(), description="Criteria that do not count here.")
    flags: Flags | None = Field(default=None, description="The analyzer's own flags.")
    qc: Gate | None = Field(default=None, description="Quality control must be good.")
    calibration: Gate | None = Field(default=None, description="Calibration must be good.")
    reagent: Gate | None = Field(default=None, description="The reagent lot must be good.")
    indices: Indices | None = Field(default=None, description="Serum indices.")
    measuring: Measuring | None = Field(default=None, description="Measuring interval.")
    absurd: Limits | None = Field(default=None, description="Outside is impossible: blocked.")
    critical: Limits | None = Field(default=None, description="Outside is held, and called.")
    review: Limits | None = Field(default=None, description="Outside a person looks.")
    delta: tuple[Delta, ...] | None = Field(
        default=None, min_length=1, max_length=8, description="Change since the previous result."
    )
    first_positive: FirstPositive | None = Field(default=None, description="First-time positive.")
    moving_average: Gate | None = Field(default=None, description="Patient moving average.")
    sent_again: SentAgain | None = Field(
        default=None, description="Differs from what was released."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_test_is_a_list(cls, data: Any) -> Any:
        if isinstance(data, dict) and "test" in data and "tests" not in data:
            rest = {key: value for key, value in data.items() if key != "test"}
            return {**rest, "tests": [data["test"]]}
        return data

    @field_validator("off")
    @classmethod
    def _only_what_a_rule_states(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        wrong = [one.value for one in value if one not in STATED]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} cannot be put off by a rule")
        return value

    @cached_property
    def scope(self) -> Scope:
        """For whom the rule counts."""
        band = self.age or AgeBand()
        return Scope(
            frozenset(self.lines),
            band.from_,
            band.below,
            self.sex,
            frozenset(self.locations),
            frozenset(self.specimens),
        )

    def stated(self) -> tuple[Criterion, ...]:
        """The criteria that the rule states or puts off."""
        return tuple(
            one for one in STATED if one in self.off or getattr(self, one.value) is not None
        )


STATED: tuple[Criterion, ...] = tuple(
    one for one in Criterion if one.value in Rule.model_fields and one is not Criterion.UNIT
)
"""The criteria that a rule may state; the rest is always checked, or has a table of its own."""


class RelationKind(StrEnum):
    """How several tests of a specimen are compared (fact sheet, 1.5)."""

    SUM = "sum"
    DIFFERENCE = "difference"
    RATIO = "ratio"
    PART = "part"


class Relation(Settings):
    """`[[consistency]]`: tests of one specimen that must agree."""

    id: str = Field(min_length=1, max_length=60, description="A name of its own.")
    kind: RelationKind = Field(
        description="sum, difference (first minus the others), ratio, part (whole, part)."
    )
    tests: tuple[_TEST_CODE, ...] = Field(
        min_length=2, max_length=20, description="LIS codes, in order."
    )
    factors: tuple[Number, ...] = Field(
        default=(), description="Of a sum: what each test is multiplied with."
    )
    low: Number | None = Field(
        default=None, description="Lowest value; of a part: 0 unless written."
    )
    high: Number | None = Field(default=None, description="Highest value.")

    @model_validator(mode="after")
    def _is_complete(self) -> Relation:
        if len(set(self.tests)) != len(self.tests):
            raise ValueError("a test stands twice in `tests`")
        pair = self.kind in (RelationKind.RATIO, RelationKind.PART)
        if pair and len(self.tests) != 2:  # noqa: PLR2004
            raise ValueError(f"a {self.kind.value} has two tests")
        if self.factors and self.kind is not RelationKind.SUM:
            raise ValueError("only a sum has `factors`")
        if self.factors and len(self.factors) != len(self.tests):
            raise ValueError("`factors` needs one number for each test")
        return self


class PanelWhole(StrEnum):
    """Which members a panel waits for."""

    ORDERED = "ordered"
    ALL = "all"


class Panel(Settings):
    """`[[panel]]`: results of these tests wait for each other."""

    id: str = Field(min_length=1, max_length=60, description="A name of its own.")
    tests: tuple[_TEST_CODE, ...] = Field(min_length=2, max_length=100, description="LIS codes.")
    whole: PanelWhole = Field(
        default=PanelWhole.ORDERED,
        description="Waits for the members that are ordered, or for all.",
    )


Written = TypeVar("Written", bound=Settings)


@dataclass(frozen=True)
class Placed(Generic[Written]):
    """Something written in a file. `number` counts in the order of reading: what is included comes first."""

    what: Written
    number: int
    file: str
    line: int
    lines: Mapping[Location, int] = field(default_factory=dict, compare=False)

    def at(self, *keys: str | int) -> str:
        """`rules.toml:14`, of a key below this table or of the nearest that is written."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return f"{self.file}:{self.lines[keys[:length]]}"
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class RuleSet:
    """All that was read. `digest` is the SHA-256 of every text with its name, in the order of reading."""

    name: str = ""
    version: str = ""
    tests: Mapping[str, Placed[DeclaredTest]] = field(default_factory=dict)
    rules: tuple[Placed[Rule], ...] = ()
    relations: tuple[Placed[Relation], ...] = ()
    panels: tuple[Placed[Panel], ...] = ()
    files: tuple[str, ...] = ()
    digest: str = ""

    @cached_property
    def of_test(self) -> Mapping[str, tuple[Placed[Rule], ...]]:
        """The rules of each test, in the order of reading."""
        found: dict[str, list[Placed[Rule]]] = {}
        for rule in self.rules:
            for test in dict.fromkeys(rule.what.tests):
                found.setdefault(test, []).append(rule)
        return {test: tuple(rules) for test, rules in found.items()}

    @cached_property
    def stating(self) -> Mapping[tuple[str, Criterion], tuple[Placed[Rule], ...]]:
        """The rules of a test that state a criterion or put it off, in the order of reading."""
        found: dict[tuple[str, Criterion], list[Placed[Rule]]] = {}
        for test, rules in self.of_test.items():
            for rule in rules:
                for criterion in rule.what.stated():
                    found.setdefault((test, criterion), []).append(rule)
        return {key: tuple(rules) for key, rules in found.items()}

    @cached_property
    def relations_of(self) -> Mapping[str, tuple[Placed[Relation], ...]]:
        """The relations of each test."""
        found: dict[str, tuple[Placed[Relation], ...]] = {}
        for relation in self.relations:
            for test in relation.what.tests:
                found[test] = (*found.get(test, ()), relation)
        return found

    @cached_property
    def panels_of(self) -> Mapping[str, tuple[Placed[Panel], ...]]:
        """The panels of each test."""
        found: dict[str, tuple[Placed[Panel], ...]] = {}
        for panel in self.panels:
            for test in dict.fromkeys(panel.what.tests):
                found[test] = (*found.get(test, ()), panel)
        return found

    @cached_property
    def lines(self) -> frozenset[str]:
        """Every line that a rule names."""
        return frozenset(line for rule in self.rules for line in rule.what.lines)


def rule_key(rule: Placed[Rule]) -> str:
    """How findings and reports call a rule: its id, or where it stands."""
    return rule.what.id or rule.at()
