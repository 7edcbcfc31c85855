"""Control materials, their lots and levels, and what they should give: found by identifier only, never by position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import Field, model_validator

from middleware.model.value import Frozen
from middleware.qc.codes import LotUse
from middleware.qc.targets import FixedTarget, LearnedTarget, is_plain
from middleware.qc.westgard import LEVELS_MAX


class Place(Frozen):
    """Where a test is measured. `module` is empty where the driver cannot tell it: then it is the whole line."""

    line: str
    analyzer: str = ""
    module: str = ""
    test: str = Field(description="The analyzer's code of the test.")


class Material(Frozen):
    """A control material of one manufacturer."""

    id: str = Field(min_length=1, description="Short name, for example multi.")
    name: str = Field(default="", description="Name on the box.")
    manufacturer: str = Field(default="", description="Who makes it.")


class ControlLot(Frozen):
    """One lot of one level of a material, as its bottle names it."""

    material: str = Field(min_length=1, description="Id of the material.")
    lot: str = Field(min_length=1, description="Lot number, as the analyzer sends it.")
    level: str = Field(min_length=1, description="Level, as the analyzer sends it.")
    parallel_from: date | None = Field(default=None, description="Measured beside the old lot.")
    used_from: date | None = Field(default=None, description="First day on which it judges.")
    used_until: date | None = Field(default=None, description="Last day on which it judges.")
    expires: date | None = Field(default=None, description="Last day printed on the bottle.")

    @model_validator(mode="after")
    def _is_in_order(self) -> ControlLot:
        days = [day for day in (self.parallel_from, self.used_from, self.used_until) if day]
        if days != sorted(days):
            raise ValueError("parallel_from, used_from and used_until are not in this order")
        return self

    def use_on(self, day: date) -> LotUse:
        """What the lot does on that day. An expired lot is retired, whatever else is said."""
        if any(last is not None and day > last for last in (self.used_until, self.expires)):
            return LotUse.RETIRED
        if self.used_from is None or day >= self.used_from:
            return LotUse.IN_USE
        is_parallel = self.parallel_from is not None and day >= self.parallel_from
        return LotUse.IN_PARALLEL if is_parallel else LotUse.NOT_YET


class Control(Frozen):
    """What one lot should give for one test at one place."""

    lot: ControlLot
    place: Place
    unit: str = Field(default="", description="Unit (UCUM) of mean and SD.")
    target: FixedTarget | LearnedTarget


@dataclass(frozen=True, slots=True)
class Found:
    """The control that a value belongs to, and what its lot does that day. Without one, `reason` says why."""

    control: Control | None
    use: LotUse | None = None
    reason: str = ""


class Controls:
    """All controls of a setup. I am responsible for telling which one a measured value belongs to."""

    def __init__(self, controls: Iterable[Control]) -> None:
        """Raises ValueError when two controls have the same lot, level and place, or a test has more than LEVELS_MAX
        levels on one line."""
        self._by_name: dict[tuple[str, str, str, str], list[Control]] = {}
        for control in controls:
            self._add(control)
        levels: dict[tuple[str, str], set[str]] = {}
        for line, test, _, level in self._by_name:
            levels.setdefault((line, test), set()).add(level)
        for (line, test), names in levels.items():
            if len(names) > LEVELS_MAX:
                raise ValueError(f"test {test} has more than {LEVELS_MAX} levels on {line}")

    def _add(self, control: Control) -> None:
        place, lot = control.place, control.lot
        known = self._by_name.setdefault((place.line, place.test, lot.lot, lot.level), [])
        if any(other.place == place for other in known):
            raise ValueError(
                f"lot {lot.lot} level {lot.level} of test {place.test} stands twice on {place.line}"
            )
        known.append(control)

    def find(self, place: Place, lot: str, level: str, day: date) -> Found:
        """The control of that lot and level. The one of this analyzer and module is preferred to one of the whole
        line."""
        known = self._by_name.get((place.line, place.test, lot, level), ())
        fitting = [control for control in known if _fits(control.place, place)]
        if not fitting:
            return Found(None, reason=f"no control of lot {lot} level {level} is declared here")
        control = max(fitting, key=lambda one: (bool(one.place.module), bool(one.place.analyzer)))
        return Found(control, control.lot.use_on(day))

    def levels_of(self, place: Place, day: date) -> tuple[str, ...]:
        """The levels that a complete run needs at this place on that day."""
        found = {
            control.lot.level
            for (line, test, _, _), controls in self._by_name.items()
            if (line, test) == (place.line, place.test)
            for control in controls
            if _fits(control.place, place) and control.lot.use_on(day) is LotUse.IN_USE
        }
        return tuple(sorted(found))


def _fits(declared: Place, measured: Place) -> bool:
    """A declaration without analyzer or module is for all of them."""
    return declared.analyzer in ("", measured.analyzer) and declared.module in ("", measured.module)


def unit_fault(control: Control, unit: str, value: Decimal | None) -> str:
    """Why a control value cannot be judged: empty when it can. Units are compared as they are, never converted."""
    if value is None or not is_plain(value):
        return "the control value is not a number"
    if control.unit and unit != control.unit:
        return f"the control value is in {unit or 'no unit'}, the target in {control.unit}"
    return ""
