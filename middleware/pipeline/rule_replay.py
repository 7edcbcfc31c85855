"""A candidate's rules over stored results, beside the rules in force: facts made from the rows as they pass by.

One pass in the order in which results came. What a patient had before is what passed before, so it costs no question to
the store; what a tube has beside is what came with it in the same thousands of results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from middleware.pipeline.rule_values import (
    Row,
    code_of,
    day_of,
    dilution_of,
    measured_at,
    unit_of,
    value_of,
    zone_of,
)
from middleware.routing.code_row import CodeFate
from middleware.rules.book import RuleBook
from middleware.rules.criteria import Criterion
from middleware.rules.facts import Facts, Neighbour, Previous
from middleware.rules.scope import SEX_OF, age_days
from middleware.setup import Setup, SiteRules
from middleware.store import rule_history
from middleware.store.connection import Connection

LOOK_BACK_S = 400 * 86400.0
"""So long before the time that is asked about, results are read for what a patient had before."""

_NEVER = frozenset({CodeFate.UNMAPPED.value, CodeFate.KEEP.value, CodeFate.IGNORE.value})
_GONE = frozenset({"rejected", "withdrawn"})
_Who = tuple[str, str, str]
_NO_NEIGHBOURS: Mapping[str, Neighbour] = {}


@dataclass(frozen=True, slots=True)
class _Seen:
    """The newest released result of a patient's test, and whether one was positive by the rules."""

    previous: Previous | None
    was_positive: bool


@dataclass(slots=True)
class Passing:
    """I make the facts of results that pass by in their order. `rules` are all that will judge them."""

    setup: Setup
    rules: Sequence[SiteRules]
    _seen: dict[tuple[_Who, str, str], _Seen] = field(default_factory=dict)
    _backward: dict[tuple[str, str], bool] = field(default_factory=dict)
    _sideward: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._sideward = frozenset(
            test
            for one in self.rules
            for many in (one.rule_set.relations, one.rule_set.panels)
            for relation in many
            for test in relation.what.tests
        )

    def facts(self, conn: Connection, since: float) -> Iterator[tuple[int, Facts]]:
        """The number and facts of each result that a rule knows, received at or after `since`."""
        looks_back = any(test.criterion in _BACK for one in self.rules for test in _slots(one.book))
        for rows in rule_history.chunks(conn, since - LOOK_BACK_S if looks_back else since):
            steps = {row["work_order_step_id"] for row in rows} - {None}
            ordered = rule_history.ordered(conn, steps) if steps else {}
            beside = self._beside(rows)
            for row in rows:
                found = self._one(row, ordered.get(row["work_order_step_id"]), beside)
                if found is not None and row["received_at"] >= since:
                    yield row["id"], found

    def _one(
        self, row: Row, ordered: Row | None, beside: Mapping[str, Sequence[Row]]
    ) -> Facts | None:
        code, line = code_of(row), row["line"]
        if row["code_fate"] in _NEVER or not any(one.book.plan(code, line) for one in self.rules):
            return None
        who = self._who(row, ordered)
        kind = (ordered["specimen_type"] if ordered else None) or row["specimen_type"] or ""
        value, text = value_of(row)
        key = (who, code, kind) if who is not None else None
        looks_back = key is not None and self._looks_back(code, line)
        seen = self._seen.get(key) if looks_back and key is not None else None
        at = measured_at(row)
        others, indices = self._others(row, code, beside)
        unit, comparator = unit_of(row), (row["comparator"] or "") if value is not None else ""
        facts = Facts(
            test=code,
            line=line,
            value=value,
            comparator=comparator,
            text=text,
            unit=unit,
            flags=self._flags(row),
            indices=indices,
            age_days=self._age(row, ordered),
            sex=SEX_OF.get(((ordered or row)["sex"] or "")[:1].upper()),
            location=((ordered["location"] or "").partition("^")[0] or None) if ordered else None,
            specimen=kind or None,
            collected_at=int(at),
            previous=seen.previous if seen is not None else None,
            others=others,
            awaited=frozenset() if ordered else None,
            was_positive=(seen is not None and seen.was_positive) if looks_back else None,
            dilution=dilution_of(row),
        )
        if looks_back and key is not None and row["release_state"] == "released":
            self._remember(key, facts, seen)
        return facts

    def _remember(self, key: tuple[_Who, str, str], facts: Facts, seen: _Seen | None) -> None:
        was_positive = seen is not None and seen.was_positive
        self._seen[key] = _Seen(
            Previous(facts.value, facts.unit, facts.collected_at, facts.comparator),
            was_positive or any(_is_positive(one.book, facts) for one in self.rules),
        )

    def _looks_back(self, code: str, line: str) -> bool:
        known = self._backward.get((code, line))
        if known is None:
            plans = [one.book.plan(code, line) for one in self.rules]
            known = any(
                slot.criterion in _BACK and slot.candidates
                for plan in plans
                if plan is not None
                for slot in plan.slots
            )
            self._backward[code, line] = known
        return known

    def _who(self, row: Row, ordered: Row | None) -> _Who | None:
        said = ordered or row
        if not said["patient_id"]:
            return None
        return (said["order_source"] or "", said["patient_id"], said["patient_authority"] or "")

    def _beside(self, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """The results of each tube, where any rule looks at more than one of them."""
        if not self._sideward and not any(one.indices for one in self.rules):
            return {}
        found: dict[str, list[Row]] = {}
        for row in rows:
            if row["release_state"] not in _GONE and not row["isolate"]:
                found.setdefault(row["sample_id"], []).append(row)
        return found

    def _others(
        self, row: Row, code: str, beside: Mapping[str, Sequence[Row]]
    ) -> tuple[Mapping[str, Neighbour], dict[Any, Decimal]]:
        indices: dict[Any, Decimal] = {}
        others: dict[str, Neighbour] = {}
        known = self.rules[0].indices
        wants_others = code in self._sideward
        for one in beside.get(row["sample_id"], ()) if wants_others or known else ():
            name = code_of(one)
            value, _ = value_of(one)
            index = known.get(name) or known.get(one["test_code"])
            if index is not None and value is not None and not one["comparator"]:
                indices[index] = value
            if wants_others and name != code:
                others[name] = Neighbour(value, unit_of(one), one["comparator"] or "")
        return others or _NO_NEIGHBOURS, indices

    def _flags(self, row: Row) -> tuple[str, ...]:
        if not row["instrument_flags"]:
            return ()
        line = self.setup.lines.get(row["line"])
        driver = self.setup.drivers.get(line.driver) if line is not None else None
        harmless = driver.profile.result.harmless_flags if driver is not None else ()
        return tuple(one for one in json.loads(row["instrument_flags"]) if one not in harmless)

    def _age(self, row: Row, ordered: Row | None) -> int | None:
        born = (ordered or row)["birth_date"]
        if not born:
            return None
        at = ordered["collected_at"] if ordered else None
        line = self.setup.lines.get(row["line"])
        zone = (line.time_zone if line is not None else None) or self.setup.node.time_zone
        moment = measured_at(row) if at is None else at
        return _age_at(born, int(moment // _QUARTER_S), zone)


@lru_cache(maxsize=100_000)
def _age_at(born: str, quarter: int, zone: str) -> int | None:
    """The age in days; every zone's day begins on a whole quarter of an hour."""
    day = day_of(born)
    moment = datetime.fromtimestamp(quarter * _QUARTER_S, zone_of(zone))
    return None if day is None else age_days(day, moment.date())


_QUARTER_S = 900
_BACK = frozenset({Criterion.DELTA, Criterion.FIRST_POSITIVE})


def _slots(book: RuleBook) -> Iterator[Any]:
    return (slot for plan in book.plans.values() for slot in plan.slots if slot.candidates)


def _is_positive(book: RuleBook, facts: Facts) -> bool:
    plan = book.plan(facts.test, facts.line)
    for slot in plan.slots if plan is not None else ():
        if slot.criterion is Criterion.FIRST_POSITIVE and slot.candidates:
            one = Facts(
                facts.test,
                value=facts.value,
                comparator=facts.comparator,
                text=facts.text,
                was_positive=False,
            )
            checks = [check for candidate in slot.candidates for check in candidate.checks]
            if any(check.find(one) is not None for check in checks):
                return True
    return False
