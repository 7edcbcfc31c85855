"""LAB-28 unasked (IHE PaLM TF-2b 3.28): step by step, and beside the analyzer's own queries."""

from __future__ import annotations

import pytest

from middleware.store.work import Wanted, claim
from tests.kit.download_bench import LawDownloads, control
from tests.kit.law_messages import query
from tests.kit.orders import claimer, request


@pytest.fixture
def law() -> LawDownloads:
    return LawDownloads()


def test_a_law_analyzer_takes_some_steps_and_refuses_others(law: LawDownloads) -> None:
    """LAB-28 unasked; UA needs a person, the rest runs."""
    law.writer.give_orders(request("S1", "GLU"), request("S1", "K"))
    law.connect()
    (given,) = law.listen()
    assert control(given) == ["NW TEST011", "NW TEST012"]
    law.answer(given, "ORC|OK|TEST011|||SC", "ORC|UA|TEST012|||CA")
    assert law.states() == {"GLU": "sent", "K": "refused"}
    assert law.line.downloads.status().refused == 1


def test_a_law_message_for_each_tube_and_the_next_after_the_answer(law: LawDownloads) -> None:
    law.writer.give_orders(request("S1", "GLU"), request("S2", "GLU"))
    law.connect()
    (first,) = law.listen()
    assert law.listen(5.0) == []
    (second,) = law.answer(first, "ORC|OK|TEST011|||SC")
    assert control(second) == ["NW TEST012"]


def test_a_law_message_that_is_rejected_keeps_only_its_own_tube(law: LawDownloads) -> None:
    law.writer.give_orders(request("S1", "GLU"), request("S2", "GLU"))
    law.connect()
    (first,) = law.listen()
    (second,) = law.answer(first, code="AR")
    law.answer(second, "ORC|OK|TEST012|||SC")
    assert [row["state"] for row in law.writer.steps()] == ["pending", "sent"]
    assert "AR" in law.reasons()[0]
    (again,) = law.listen(40.0)
    assert control(again) == ["NW TEST011"]


def test_a_law_analyzer_that_says_nothing_gets_the_same_message_again(law: LawDownloads) -> None:
    """Same bytes, same number: it knows it, should the first have arrived."""
    law.writer.give_orders(request("S1", "GLU"))
    law.connect()
    (first,) = law.listen()
    law.pass_time(10.2, step=0.5)
    (second,) = law.listen()
    assert first == second
    law.answer(second, "ORC|OK|TEST011|||SC")
    assert law.states() == {"GLU": "sent"}


def test_an_analyzer_that_asks_for_a_tube_on_its_way_gets_it_in_the_answer_too(
    law: LawDownloads,
) -> None:
    """What it refuses in reply to the download it only knows already: the answer counts."""
    law.writer.give_orders(request("2603140001", "GLU"))
    law.connect()
    (given,) = law.listen()
    law.send_block(query())
    heard = law.listen()
    answers = law.answer(given, "ORC|UA|TEST011|||CA")
    (answer,) = [one for one in [*heard, *answers] if b"OML" in one]
    assert control(answer) == ["NW TEST011"]
    law.answer(answer, "ORC|OK|TEST011|||SC")
    assert law.states() == {"GLU": "sent"}
    assert [one["state"] for one in law.writer.history()] == ["pending", "claimed", "sent"]


def test_a_tube_that_is_asked_for_again_is_not_refused_because_the_analyzer_has_it(
    law: LawDownloads,
) -> None:
    """LAW answers UA to a number that it knows; the step runs, whatever it says of the copy."""
    law.writer.give_orders(request("2603140001", "GLU"))
    law.connect()
    (given,) = law.listen()
    law.answer(given, "ORC|OK|TEST011|||SC")
    law.send_block(query())
    (answer,) = [one for one in law.listen() if b"OML" in one]
    law.answer(answer, "ORC|UA|TEST011|||CA")
    assert law.states() == {"GLU": "sent"}


def test_two_lines_never_get_the_same_step(law: LawDownloads) -> None:
    law.writer.give_orders(request("S1", "GLU"))
    law.connect()
    law.listen()
    assert law.states() == {"GLU": "claimed"}
    given = law.writer.run(lambda conn: claim(conn, Wanted(("S1",)), claimer("chem-2"), 2e9))
    assert given == []
