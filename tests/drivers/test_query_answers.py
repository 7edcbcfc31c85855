"""Every analyzer that asks is answered in the words that it takes: query, work and answer, record by record."""

from __future__ import annotations

import pytest

from middleware.driver.api import OrderingDriver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import DriverRole
from tests.kit.answer_table import CONTEXT, AnswerCase, answer_cases, answered, query_text
from tests.kit.driver_session import Played
from tests.kit.expected_play import play_recording
from tests.kit.recordings import recordings

CATALOGUE = load_catalogue()
CASES = answer_cases("answers")
RECORDED = answer_cases("recorded_queries")
ASKS = (b"\rQ|", b"2Q|", b"|TSREQ", b"QPD|", b"QRD|", b"QID|")
ASTM_REPLY = "astm_general__vitros3600_host_reply"


def _driver(case: AnswerCase) -> OrderingDriver:
    driver = CATALOGUE.driver(case.driver)
    assert isinstance(driver, OrderingDriver), case.driver
    return driver


def _name(case: AnswerCase) -> str:
    return f"{case.driver}: {case.title}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_query_is_answered_as_the_table_says(case: AnswerCase) -> None:
    assert answered(_driver(case), query_text(case), case) == case.answers


@pytest.mark.parametrize("case", [one for one in CASES if not one.given], ids=_name)
def test_a_line_without_orders_says_the_same_as_one_without_work(case: AnswerCase) -> None:
    """`negative_answers` is what is sent where no orders are kept."""
    texts = _driver(case).negative_answers(query_text(case), CONTEXT)
    assert [one.decode("latin-1").removesuffix("\r").split("\r") for one in texts] == case.answers


def test_every_driver_that_answers_has_a_case_with_work_and_one_without() -> None:
    """Whoever adds an `[order]` shows what it writes."""
    answering = {
        profile.id
        for profile in CATALOGUE.profiles()
        if DriverRole.HOST_QUERY in profile.driver.roles
        and profile.driver.protocol != "law"
        and isinstance(CATALOGUE.driver(profile.id), OrderingDriver)
    }
    assert {case.driver for case in CASES if case.given} == answering
    assert {case.driver for case in CASES if not case.given} == answering


@pytest.mark.slow
@pytest.mark.parametrize("case", RECORDED, ids=_name)
def test_every_recorded_query_is_answered_exactly(case: AnswerCase) -> None:
    """Each query of the corpus, with work and without."""
    (text,) = _played(case).texts[:1]
    assert answered(_driver(case), text, case) == case.answers


def _played(case: AnswerCase) -> Played:
    folder, _, name = case.recording.partition("/")
    (recording,) = [one for one in recordings(folder) if one.name == name]
    return play_recording(folder, recording, CATALOGUE.driver(case.driver), mend=True)


@pytest.mark.slow
def test_every_query_of_the_corpus_is_in_the_table() -> None:
    """A recording that is added to the corpus is not forgotten."""
    asking = set()
    for folder in ("astm", "astm-records", "hl7"):
        for one in recordings(folder):
            if any(mark in one.data for mark in ASKS):
                asking.add(f"{folder}/{one.name}")
    assert {case.recording for case in RECORDED} >= asking


@pytest.mark.slow
def test_a_vitros_is_answered_as_the_recorded_host_answered_it() -> None:
    """The same test of the same tube, at the moment of the recording."""
    (recorded,) = [one for one in recordings("astm") if one.name == ASTM_REPLY]
    wanted = [line[1:] if line[:1].isdigit() else line for line in _records(recorded.data)]
    (case,) = [one for one in RECORDED if one.driver == "ortho_vitros_3600" and one.given]
    (answer,) = answered(_driver(case), _played(case).texts[0], case)
    said = [line.replace("20310304093000", "20201121111002") for line in answer]
    assert [line.rstrip("|") for line in wanted] == said


def _records(data: bytes) -> list[str]:
    text = data.decode("latin-1").partition("\x02")[2].partition("\x03")[0]
    return [line for line in text.split("\r") if line]
