"""What `labwire check` says about answers to host queries that go out on another line."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.settings.parts import Parts
from middleware.settings.problems import Problem, did_you_mean


def answers_have_a_line(parts: Parts) -> Iterator[Problem]:
    """`answers_on` names another line with the same driver, which answers on its own connection."""
    lines = {line.id: line for _, line in parts.lines}
    for location, line in parts.lines:
        if not line.answers_on:
            continue
        other = lines.get(line.answers_on)
        place = (*location, "answers_on")
        if other is None:
            message = f'there is no line "{line.answers_on}"'
            cure = did_you_mean(line.answers_on, list(lines), "name another line")
            yield parts.loaded.problem(place, message, cure)
        elif other.id == line.id:
            message = "a line answers on its own connection anyway"
            yield parts.loaded.problem(place, message, "leave answers_on out")
        elif other.driver != line.driver:
            message = f'the line "{other.id}" has another driver, {other.driver}'
            yield parts.loaded.problem(place, message, f"give it the driver {line.driver}")
