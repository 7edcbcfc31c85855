"""The LIS of an emulated laboratory: what it orders, and how it changes its mind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulators.laboratory_course import Course
from emulators.laboratory_plan import LaboratoryPlan, load_plan
from emulators.order_messages import OrderMessage

STATION = {"name": "chem-1", "panel": "chem", "tcp": "127.0.0.1:4010"}


def plan(**changed: Any) -> LaboratoryPlan:
    said = {"orders": "127.0.0.1:2577", "count": 40, "prefix": "L-", "station": [STATION]}
    return LaboratoryPlan.model_validate(said | changed)


def messages(**changed: Any) -> list[OrderMessage]:
    return list(Course(plan(**changed)).messages())


def test_the_same_seed_gives_the_same_orders() -> None:
    assert messages() == messages()
    assert messages() != messages(seed=8)


def test_every_tube_is_ordered_and_no_number_is_used_twice() -> None:
    said = messages()
    assert len({one.tube.sample_id for one in said}) == 40
    assert len({one.control_id for one in said}) == len(said)
    placers = [line.placer for one in said for line in one.lines if line.control == "NW"]
    assert len(placers) == len(set(placers))


def test_only_what_was_ordered_before_is_cancelled() -> None:
    ordered: set[str] = set()
    cancelled = 0
    for message in messages():
        for line in message.lines:
            if line.control == "NW":
                ordered.add(line.placer)
            else:
                cancelled += 1
                assert line.placer in ordered
    assert cancelled > 40 // 5


def test_without_changes_of_mind_there_is_one_message_a_tube() -> None:
    calm = dict.fromkeys(("cancel_every", "late_every", "add_every", "again_every"), 0)
    assert len(messages(**calm)) == 40


def test_a_plan_names_panels_that_exist(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    head = 'orders = "127.0.0.1:2577"\ncount = 1\nprefix = "L-"\n'
    path.write_text(f'{head}[[station]]\nname = "a"\npanel = "nothing"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="no panel 'nothing'"):
        load_plan(path)
