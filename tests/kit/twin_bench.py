"""Joins a twin and its driver, link to link on a clock of its own, and compares what was meant and understood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from drivers.protocols.hl7.driver import AnsweringHl7Driver
from emulators.twin import Twin
from emulators.twin_spoken import Meaning, Spoken, TwinPlan
from middleware.driver.api import AnswerContext, DecodeContext, Driver
from middleware.driver.finish import finish
from middleware.driver.speak import SpeakingDriver
from middleware.model import AbnormalFlag, Envelope, MessageKind, Result, ValueKind
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.link import Link

MOMENT = datetime(2026, 3, 14, 9, 26, 53)  # noqa: DTZ001 - the analyzer's own clock
ENCODING = "latin-1"
_MOST_TURNS = 400
_STEP_S = 0.01


def twin_of(driver: Driver, plan: TwinPlan) -> Twin:
    """The twin of a driver; every driver must have one."""
    assert isinstance(driver, SpeakingDriver), f"{driver.profile.id} has no voice"
    return Twin(driver.profile, driver.voice(), plan)


@dataclass
class Wire:
    """One connection between the driver's link and the twin's."""

    host: Link
    analyzer: Link
    answers: Callable[[bytes], Iterable[bytes]] = lambda _text: ()
    now: float = 0.0
    received: list[bytes] = field(default_factory=list)
    outcomes: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host.connection_made(self.now)
        self.analyzer.connection_made(self.now)
        self._turn()

    def carry(self, text: bytes) -> bool:
        """Send one message from the analyzer; whether it was acknowledged."""
        send_id = self.analyzer.send_message(text, self.now)
        for _ in range(_MOST_TURNS):
            if not self._turn() and not self._wait():
                break
            if send_id in self.outcomes and self.analyzer.is_neutral and self.host.is_neutral:
                break
        return self.outcomes.get(send_id, False)

    def _turn(self) -> bool:
        """One exchange both ways; whether anything moved."""
        self.now += _STEP_S
        moved = False
        for giver, taker in ((self.analyzer, self.host), (self.host, self.analyzer)):
            data = giver.bytes_to_send()
            if data:
                moved = True
                self._take(taker, taker.receive_bytes(data, self.now))
        return moved

    def _wait(self) -> bool:
        """Nothing moved: until the next deadline of either end."""
        deadlines = [
            at for one in (self.host, self.analyzer) if (at := one.next_deadline()) is not None
        ]
        if not deadlines:
            return False
        self.now = max(self.now, min(deadlines))
        for one in (self.host, self.analyzer):
            self._take(one, one.on_deadline(self.now))
        return True

    def _take(self, link: Link, events: list[Event]) -> None:
        while events:
            event = events.pop(0)
            if isinstance(event, MessageReceived):
                events += link.commit(event.token, self.now)
                if link is self.host:
                    self.received.append(event.text)
                    for answer in self.answers(event.text):
                        link.send_message(answer, self.now)
            elif isinstance(event, MessageDelivered | MessageNotDelivered):
                self.outcomes[event.send_id] = isinstance(event, MessageDelivered)


def heard(driver: Driver, twin: Twin, spoken: list[Spoken]) -> list[Envelope]:
    """Everything that the driver understands of what the twin says over the link."""
    zone = twin.plan.zone
    wire = Wire(driver.make_link({}), twin.voice.make_link(), _answers_of(driver))
    for text in twin.voice.greeting(spoken[0].said, ENCODING):
        assert wire.carry(text), "the greeting was not acknowledged"
    for one in spoken:
        assert wire.carry(twin.voice.compose(one.said, ENCODING)), "not acknowledged"
    context = DecodeContext(time_zone=zone, encoding=ENCODING)
    return [finish(driver.decode(text, context), driver.profile) for text in wire.received]


def _answers_of(driver: Driver) -> Callable[[bytes], Iterable[bytes]]:
    """Where the answer to a query is its only acknowledgement, the bench gives it, as a line does."""
    if not isinstance(driver, AnsweringHl7Driver):
        return lambda _text: ()
    context = AnswerContext(MOMENT.replace(tzinfo=UTC), "TWIN-1", encoding=ENCODING)

    def answers(text: bytes) -> Iterable[bytes]:
        is_query = driver.kind(text) is MessageKind.QUERY
        return driver.negative_answers(text, context) if is_query else ()

    return answers


def has_link(driver: Driver) -> bool:
    """Whether its messages come over a connection."""
    transport = driver.profile.transport
    return transport.tcp != "none" or transport.serial is not False


def read_from_file(driver: Driver, twin: Twin, spoken: Spoken) -> Envelope:
    """What the driver understands of a file that the twin writes."""
    text = twin.voice.compose(replace(spoken.said, is_file=True), ENCODING)
    envelope = driver.decode(text, DecodeContext(twin.plan.zone, ENCODING, is_file=True))
    return finish(envelope, driver.profile)


def misunderstood(spoken: Spoken, envelope: Envelope) -> list[str]:
    """A sentence for everything that was understood otherwise than it was meant."""
    if len(envelope.results) != len(spoken.meanings):
        return [f"{len(spoken.meanings)} results were said and {len(envelope.results)} understood"]
    if envelope.analyzer != spoken.analyzer:
        return [f"it calls itself {spoken.analyzer!r} and is called {envelope.analyzer!r}"]
    pairs = zip(spoken.meanings, envelope.results, strict=True)
    return [
        f"{meaning.test_code} {meaning.value.text!r}: {name} is {found!r} and was meant as {meant!r}"
        for meaning, result in pairs
        for name, meant, found in _pairs(meaning, result)
        if meant != found
    ]


def _pairs(meaning: Meaning, result: Result) -> Iterator[tuple[str, object, object]]:
    specimen, value = result.specimen, result.value
    yield "the sample id", meaning.whose.sample_id, specimen.sample_id
    yield "the role", meaning.whose.role, specimen.role
    yield "the test", meaning.test_code, result.test_code
    yield "the status", meaning.status, result.status
    yield "the time", meaning.measured_at, result.measured.at
    yield "the flags", meaning.flags, _flags(result)
    if meaning.own_flag:
        yield "the maker's own flag", (meaning.own_flag,), result.instrument_flags[:1]
    yield "the kind of value", meaning.value.kind, _kind(value.kind)
    if meaning.value.kind is not ValueKind.UNEXPLAINED:
        yield "the number", meaning.value.number, value.number
        yield "the upper end", meaning.value.upper, value.upper
        yield "the comparator", meaning.value.comparator, value.comparator
    if meaning.value.words:
        yield "the words", meaning.value.words, value.text
    if meaning.value.shown_unit is not None:
        yield "the unit", meaning.value.shown_unit, result.unit
    patient = specimen.patient
    found = tuple(one.id for one in patient.identifiers) if patient is not None else ()
    yield "the patient's ids", meaning.whose.patient_ids, tuple(dict.fromkeys(found))
    for key, text in meaning.whose.texts.items():
        yield key, text, getattr(specimen, key)
    for key, text in meaning.texts.items():
        yield key, text, getattr(result, key)


def _kind(kind: ValueKind) -> ValueKind:
    return ValueKind.TEXT if kind is ValueKind.CODED else kind


def _flags(result: Result) -> tuple[AbnormalFlag, ...]:
    return result.abnormal_flags
