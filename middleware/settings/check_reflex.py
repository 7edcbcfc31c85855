"""Whether what `[[reflex]]` rules order can be done at this site."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.driver.api import Driver, OrderingDriver
from middleware.line.order_settings import Download
from middleware.line.settings import LineSettings
from middleware.settings.parts import Parts
from middleware.settings.problems import Problem, Weight


def reflexes_can_happen(parts: Parts) -> Iterator[Problem]:
    """Whether the tests that rules name are tests of this site; asked once the tables of codes are read.

    Only where every line has a table of codes: an analyzer without one may do any test.
    """
    tables = [parts.line_codes.get(line.id) for _, line in parts.lines]
    if not tables or any(one is None for one in tables):
        return
    known = {code for one in tables if one is not None for code in one.orderable}
    for location, rule in parts.reflexes:
        unknown = next((one for one in (rule.when.test, *rule.order) if one not in known), None)
        if unknown is not None:
            message = f'no table of codes has the test "{unknown}" that this rule names'
            cure = "write the LIS's code of a test, or add a row to a table"
            yield parts.loaded.problem(location, message, cure, Weight.WARNING)


def reruns_can_be_asked_for(parts: Parts, line: LineSettings, driver: Driver) -> Iterator[Problem]:
    """A result that waits for a rerun which no analyzer is told of waits for ever."""
    if isinstance(driver, OrderingDriver) or line.orders.download is not Download.OFF:
        return
    for location, rule in parts.reflexes:
        if rule.rerun and line.id in rule.lines:
            message = f'the driver {line.driver} of the line "{line.id}" writes no orders: no rerun'
            cure = "take the line out of the rule, or name [order] in the driver's profile"
            yield parts.loaded.problem((*location, "lines"), message, cure)
        elif rule.rerun and not rule.lines and line.relay is None:
            message = f'this rule cannot have the analyzer of "{line.id}" measure again: its driver writes no orders'
            cure = "name in `lines` those whose analyzers take orders"
            yield parts.loaded.problem(location, message, cure, Weight.WARNING)
