"""The laboratory's own cases, written in TOML beside the rules: facts of one result, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import Field, ValidationError, field_validator

from middleware.rules.criteria import Criterion, Fate, Index, Number, Settings, Span, Words
from middleware.rules.evaluate import Judgement
from middleware.rules.facts import COMPARATORS, Facts, Neighbour, Previous, Released, Source, Status
from middleware.rules.problems import Code, RuleProblem
from middleware.rules.proof import CaseRow
from middleware.rules.read import RuleText, Written, written
from middleware.rules.rule_set import Days
from middleware.rules.scope import Sex

CASES_MOST = 20_000
_COLLECTED_AT = 1_700_000_000


class Earlier(Settings):
    """The previous result of the patient."""

    value: Number = Field(description="Its number.")
    unit: str = Field(default="", description="Its unit; empty: that of the result.")
    ago: Span = Field(description='How long before it was collected, as "12 h".')


class OwnCase(Settings):
    """`[[case]]`: one result and its fate. What is not written is not known."""

    name: str = Field(min_length=1, max_length=120, description="What the case shows.")
    test: str = Field(min_length=1, description="LIS code.")
    line: str = Field(default="", description="Line that it was measured on.")
    value: Number | None = Field(default=None, description="The number.")
    comparator: str = Field(default="", description="<, <=, > or >=.")
    text: str = Field(default="", description="The result where it is no number.")
    unit: str = Field(default="", description="Unit as the LIS gets it.")
    flags: Words = Field(default=(), description="The analyzer's own flags.")
    indices: dict[Index, Number] = Field(default_factory=dict, description="Serum indices.")
    age: Days | None = Field(default=None, description='Age at collection, as "3 d" or "40 a".')
    sex: Sex | None = Field(default=None, description="female, male or other.")
    location: str | None = Field(default=None, description="Location; empty: known to be none.")
    specimen: str | None = Field(default=None, description="Specimen type.")
    previous: Earlier | None = Field(default=None, description="The previous result.")
    others: dict[str, Number] = Field(
        default_factory=dict, description="Numbers of other tests of the specimen, in their units."
    )
    awaited: Words | None = Field(
        default=None, description="Ordered tests that have no result yet."
    )
    was_positive: bool | None = Field(default=None, description="Positive before.")
    released: Number | str | None = Field(
        default=None, description="Released before for this order."
    )
    statuses: dict[Source, Status] = Field(
        default_factory=dict, description="qc = good, and others."
    )
    dilution: Number | None = Field(default=None, description="Dilution of this run.")
    run: int = Field(default=1, ge=1, strict=True, description="Number of the run.")
    expect: Fate = Field(description="release, hold, rerun or block.")
    findings: tuple[str, ...] | None = Field(
        default=None, description='What must be found and nothing else, as "critical/high".'
    )

    @field_validator("comparator")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in COMPARATORS:
            raise ValueError("write <, <=, > or >=")
        return value

    @field_validator("findings")
    @classmethod
    def _name_criteria(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        names = {criterion.value for criterion in Criterion}
        for one in value or ():
            if one.split("/")[0] not in names:
                raise ValueError(f"{one!r} names no criterion; write it as critical/high")
        return value


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """A case with its place."""

    what: OwnCase
    place: str


def read_cases(text: RuleText) -> tuple[list[PlacedCase], list[RuleProblem]]:
    """All cases of a file; what cannot be understood is told."""
    file, wrong = written(text)
    if wrong is not None:
        return [], [wrong]
    data = file.data
    tables: Any = data.get("case", [])
    problems = [
        RuleProblem(
            Code.NOT_UNDERSTOOD, f"{file.name}:{file.line_of((key,))}", f"unknown table {key!r}"
        )
        for key in data
        if key != "case"
    ]
    if not isinstance(tables, list) or len(tables) > CASES_MOST:
        message = f"`case` must be a list of at most {CASES_MOST} tables"
        return [], [*problems, RuleProblem(Code.TOO_MANY, file.name, message)]
    found = []
    for number, table in enumerate(tables):
        try:
            place = f"{file.name}:{file.line_of(('case', number))}"
            found.append(PlacedCase(OwnCase.model_validate(table), place))
        except ValidationError as error:
            problems += [_problem(file, number, one) for one in error.errors()]
    return found, problems


def _problem(file: Written, number: int, error: Any) -> RuleProblem:
    line = file.line_of(("case", number, *error["loc"]))
    about = ".".join(str(part) for part in error["loc"])
    return RuleProblem(Code.NOT_UNDERSTOOD, f"{file.name}:{line}", f"{about}: {error['msg']}")


def facts_of(case: OwnCase, units: Callable[[str], str]) -> Facts:
    """The facts of a case; `units` gives the declared unit of a test, for its neighbours."""
    before = case.previous
    previous = None
    if before is not None:
        unit = before.unit or case.unit
        previous = Previous(before.value, unit, _COLLECTED_AT - before.ago)
    return Facts(
        case.test,
        case.line,
        case.value,
        case.comparator,
        case.text,
        case.unit,
        case.flags,
        case.indices,
        case.age,
        case.sex,
        case.location,
        case.specimen,
        _COLLECTED_AT,
        previous,
        {test: Neighbour(value, units(test)) for test, value in case.others.items()},
        None if case.awaited is None else frozenset(case.awaited),
        case.was_positive,
        _released(case.released),
        case.statuses,
        case.dilution,
        case.run,
    )


def _released(written: Decimal | str | None) -> Released | None:
    if written is None:
        return None
    return Released(None, written) if isinstance(written, str) else Released(written)


def run_cases(
    cases: Iterable[PlacedCase], judge: Callable[[Facts], Judgement], units: Callable[[str], str]
) -> list[CaseRow]:
    """Every case with what was expected and what came out."""
    rows = []
    for case in cases:
        judgement = judge(facts_of(case.what, units))
        got = sorted(f"{one.criterion.value}/{one.code}" for one in judgement.findings)
        wanted = None if case.what.findings is None else sorted(case.what.findings)
        is_good = judgement.fate is case.what.expect and wanted in (None, got)
        rows.append(
            CaseRow(
                f"{case.what.name} ({case.place})",
                _outcome(case.what.expect, wanted or []),
                _outcome(judgement.fate, got),
                is_good,
            )
        )
    return rows


def _outcome(fate: Fate, findings: list[str]) -> str:
    return f"{fate.value}: {', '.join(findings)}" if findings else fate.value
