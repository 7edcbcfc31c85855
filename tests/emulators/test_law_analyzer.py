"""The emulated LAW analyzer against a line of ours on real sockets: queries, orders, results, faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from typer.testing import CliRunner

from drivers.protocols.law.answers import read_broadcast_answer
from drivers.protocols.law.encode import encode_orders
from drivers.protocols.law.work import (
    ContainerWork,
    OrderHeader,
    StepAction,
    StepAnswer,
    WorkOrderStep,
)
from emulators.__main__ import app
from emulators.law_analyzer import EmulatedLawAnalyzer, LawPlan
from emulators.law_messages import Said, Taking, take_orders
from emulators.law_scenario import LawScenario, law_scenario_names, load_law_scenario
from emulators.oracle import Book, Expectation, read_obligations
from middleware.clock import SystemClock
from middleware.driver.api import AnswerContext
from middleware.errors import SettingsError
from middleware.model import Result, ResultStatus, SampleRole
from middleware.transport.settings import TcpConnectSettings
from middleware.wire.hl7 import parse
from tests.kit.law_messages import CONTEXT, NOW, generic_law
from tests.kit.line_on_sockets import LineOnSockets
from tests.kit.small_reactor import SmallReactor

SAID = Said("EMU", "E-1", NOW)


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


class Played:
    """One scenario played to its end."""

    def __init__(
        self, small: SmallReactor, folder: Path, scenario: dict[str, Any], driver: Any = None
    ) -> None:
        host = LineOnSockets(small, driver or generic_law())
        host.writer.give_store_id("TEST01")
        plan = LawPlan(
            "EMU",
            LawScenario.model_validate({"title": "t", **scenario}),
            7,
            "A-",
            UTC,
            scenario.pop("messages", None),
        )
        settings = TcpConnectSettings(
            type="tcp_connect",
            host="127.0.0.1",
            port=host.line.address.port,
            retry_first_s=0.01,
            retry_longest_s=0.01,
        )
        path = folder / "obligations"
        with Book(path) as book:
            analyzer = EmulatedLawAnalyzer(plan, settings, small.reactor, SystemClock(), book)
            analyzer.start()
            small.until(lambda: analyzer.finished.called)
            small.turn(20)
            small.finish(Deferred.fromCoroutine(analyzer.stop()))
        small.finish(Deferred.fromCoroutine(host.line.stop()))
        self.analyzer = analyzer
        self.owed = read_obligations(path)
        self.texts = host.texts()
        self.queries = [row for row in host.writer.journal() if row["kind"] == "query"]

    def results(self) -> list[Result]:
        driver = generic_law()
        return [one for text in self.texts for one in driver.decode(text, CONTEXT).results]


STEP = {"do": "results", "panel": "immuno"}


@pytest.mark.slow
def test_a_specimen_is_asked_for_and_measured_after_the_answer(
    small: SmallReactor, tmp_path: Path
) -> None:
    """Query, response, no work, results: each once, and every value is owed."""
    played = Played(small, tmp_path, {"step": [{**STEP, "count": 3}]})
    assert (played.analyzer.queries, played.analyzer.negative, played.analyzer.refused) == (3, 3, 0)
    assert [row["state"] for row in played.queries] == ["answered"] * 3
    assert [one.sample_id for one in played.owed] == [f"A-{number:06d}" for number in (1, 2, 3)]
    sent = {(one.specimen.sample_id, one.test_code): one.value.raw for one in played.results()}
    owed = {
        (one.sample_id, test): value for one in played.owed for test, value in one.values.items()
    }
    assert sent == owed


@pytest.mark.slow
def test_reruns_controls_failures_and_states_are_told_apart(
    small: SmallReactor, tmp_path: Path
) -> None:
    """Everything that LAW can say, with what must become of it."""
    deeds = ("results", "rerun", "failed", "state", "qc", "query")
    played = Played(small, tmp_path, {"step": [{"do": one, "panel": "immuno"} for one in deeds]})
    first, rerun, failed, state, qc = played.owed
    assert [one.expect for one in (first, rerun, failed)] == [
        Expectation.DELIVER,
        Expectation.KEEP,
        Expectation.DELIVER,
    ]
    assert (state.expect, qc.expect) == (Expectation.NOTHING, Expectation.KEEP)
    results = played.results()
    assert {one.run for one in results if one.specimen.sample_id == first.sample_id} == {1, 2}
    assert len(failed.values) == 2
    (missing,) = [one for one in results if one.status is ResultStatus.CANNOT_OBTAIN]
    assert missing.instrument_flags == ("CLOT",)
    assert {one.specimen.role for one in results if one.specimen.sample_id == qc.sample_id} == {
        SampleRole.QC
    }
    assert len(played.queries) == 3


@pytest.mark.slow
def test_ordered_tests_are_answered_step_by_step_and_measured_under_their_ids(
    small: SmallReactor, tmp_path: Path
) -> None:
    """OK for a test that it knows, UA for one that it does not; the result carries the id of its step."""
    replies: list[dict[str, StepAnswer]] = []

    class Ordering:
        """A driver with work for every tube."""

        plain = generic_law()
        profile = plain.profile
        make_link = staticmethod(plain.make_link)
        kind = staticmethod(plain.kind)

        def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
            tube = parse(text).get("QPD-3")
            steps = (WorkOrderStep("W-1", "TSH"), WorkOrderStep("W-2", "ZZZ"))
            header = OrderHeader(context.control_id, context.now)
            return (encode_orders([ContainerWork(tube, steps)], header),)

        def complaint_about(self, reply: bytes, control_id: str) -> str:
            answer = read_broadcast_answer(reply, control_id, ("W-1", "W-2"))
            replies.append(dict(answer.steps))
            return answer.text

    played = Played(small, tmp_path, {"step": [STEP]}, Ordering())
    assert replies == [{"W-1": StepAnswer.ACCEPTED, "W-2": StepAnswer.REFUSED}]
    assert (played.analyzer.ordered, played.analyzer.negative) == (1, 0)
    orders = [one.get("OBR-2") for one in parse(played.texts[0]).segments("OBR")]
    assert orders == ["W-1", '""', '""']


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults", [{"repeated_message": 1.0}, {"hang_up": 0.5}, {"no_answer": 1.0}], ids="+".join
)
def test_whatever_goes_wrong_each_acknowledged_message_is_in_the_journal(
    small: SmallReactor, tmp_path: Path, faults: dict[str, float]
) -> None:
    """Sent twice, cut in the middle, or mute to our orders: nothing that was acknowledged is missing."""
    timers = {"answer_wait_s": 0.05, "reply_s": 1.0}
    played = Played(
        small, tmp_path, {"step": [{**STEP, "count": 3}], "faults": faults, "timers": timers}
    )
    assert len(played.owed) == 3
    kept = {one.specimen.sample_id for one in played.results()}
    assert {one.sample_id for one in played.owed} == kept
    if "repeated_message" in faults:
        assert len(played.texts) == 6
    if "no_answer" in faults:
        assert played.analyzer.unanswered == 3
        assert {row["state"] for row in played.queries} == {"not_answered"}


def orders(*steps: WorkOrderStep) -> bytes:
    return encode_orders([ContainerWork("S-1", steps)], OrderHeader("M-1", NOW))


def test_a_cancelled_step_is_given_up_unless_it_was_measured() -> None:
    """CR before, UC after."""
    step = WorkOrderStep("W-1", "TSH", action=StepAction.CANCEL)
    before = take_orders(orders(step), SAID, Taking(lambda _: False))
    after = take_orders(orders(step), SAID, Taking(lambda _: True))
    assert [parse(one.answer).get("ORC-1") for one in (before, after)] == ["CR", "UC"]
    assert [list(one.cancelled) for one in (before, after)] == [["W-1"], []]


def test_a_step_that_it_does_not_do_is_refused_and_the_others_are_taken() -> None:
    steps = WorkOrderStep("W-1", "TSH"), WorkOrderStep("W-2", "FT4")
    taking = Taking(lambda _: False, lambda sample_id, code: (sample_id, code) == ("S-1", "TSH"))
    taken = take_orders(orders(*steps), SAID, taking)
    answers = [one.get("ORC-1") for one in parse(taken.answer).segments("ORC")]
    assert answers == ["UA", "OK"]
    assert taken.refused == [("S-1", "TSH")]
    assert taken.steps == {"S-1": {"FT4": "W-2"}}


@pytest.mark.parametrize("text", [b"", b"nonsense", b"MSH|^~\\&|A\rORC|NW\r"])
def test_orders_that_cannot_be_read_are_refused(text: bytes) -> None:
    """AR or AE, never silence and never a crash."""
    taken = take_orders(text, SAID, Taking(lambda _: False))
    assert parse(taken.answer).get("MSA-1") in ("AR", "AE")
    assert taken.steps == {}


@pytest.mark.parametrize("name", law_scenario_names())
def test_the_scenarios_that_come_with_it_are_good(name: str) -> None:
    """Each has a title and steps."""
    assert load_law_scenario(name).title


@pytest.mark.parametrize("name", ["stedy", "nowhere.toml"])
def test_a_scenario_that_is_not_there_is_told(name: str) -> None:
    """With what there is."""
    with pytest.raises(SettingsError):
        load_law_scenario(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["law"],
        ["law", "--tcp", "nowhere"],
        ["law", "--tcp", "127.0.0.1:1", "--scenario", "stedy"],
        ["law", "--tcp", "127.0.0.1:1", "--time-zone", "Europe/Atlantis"],
    ],
)
def test_wrong_usage_of_the_command_is_told_with_status_two(arguments: list[str]) -> None:
    """A sentence, not a traceback."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
