"""Which calculated tests a laboratory has, in which order they are made, and which follow from a changed result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from middleware.calculated.expression import FormulaWrong
from middleware.calculated.formula import Formula
from middleware.model.value import Frozen


class CalculatedTest(Frozen):
    """One calculated test: its code, its formula, and the test that each input of the formula is."""

    code: str = Field(min_length=1, description="Code of the calculated test.")
    formula: str = Field(description="Id of the formula.")
    inputs: dict[str, str] = Field(description="Input of the formula: code of the test.")


class CalculatedTests:
    """All calculated tests of a setup. I am responsible for their order: parents before dependents."""

    def __init__(self, tests: Iterable[CalculatedTest], formulas: Mapping[str, Formula]) -> None:
        """Raises FormulaWrong: an unknown formula, inputs that do not fit, a code twice, or tests that need each
        other."""
        self.tests: dict[str, CalculatedTest] = {}
        for test in tests:
            if test.code in self.tests:
                raise FormulaWrong(f"{test.code} is calculated twice")
            _check(test, formulas)
            self.tests[test.code] = test
        self.order = self._sorted()

    def dependents_of(self, code: str) -> tuple[str, ...]:
        """Every calculated test that must be made anew when this test has a new value, parents first."""
        changed = {code}
        for one in self.order:
            if changed & set(self.tests[one].inputs.values()):
                changed.add(one)
        return tuple(one for one in self.order if one in changed and one != code)

    def _sorted(self) -> tuple[str, ...]:
        order: list[str] = []
        waiting = list(self.tests)
        while waiting:
            ready = [one for one in waiting if not self._parents(one) & set(waiting)]
            if not ready:
                raise FormulaWrong(f"these tests need each other: {', '.join(sorted(waiting))}")
            order += ready
            waiting = [one for one in waiting if one not in ready]
        return tuple(order)

    def _parents(self, code: str) -> set[str]:
        return set(self.tests[code].inputs.values())


def _check(test: CalculatedTest, formulas: Mapping[str, Formula]) -> None:
    formula = formulas.get(test.formula)
    if formula is None:
        raise FormulaWrong(f"{test.code}: no formula is called {test.formula}")
    wanted = {one.name for one in formula.settings.inputs}
    if wanted != set(test.inputs):
        raise FormulaWrong(f"{test.code}: {test.formula} needs {', '.join(sorted(wanted))}")
