"""A twin on the test bench: its messages as the specimens and the speech that the emulated analyzers play with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from emulators.analyzer import Speech
from emulators.scenario import LinkChoices
from emulators.specimens import EmulatedResult, EmulatedSpecimen, EmulatedTest, Source
from emulators.twin import Twin
from emulators.twin_spoken import Manner, Spoken
from emulators.twin_values import SaidValue
from middleware.clock import Clock
from middleware.model import SampleRole
from middleware.wire.link import Link

_CONTROL_ID = "HDR.control_id"


@dataclass(frozen=True, slots=True)
class TwinSpecimen(EmulatedSpecimen):
    """A specimen, and the message in which the twin says what it measured."""

    spoken: Spoken


class TwinSource(Source):
    """Specimens of a twin, one after the other. What is measured is the profile's business, not the scenario's."""

    def __init__(self, twin: Twin, clock: Clock, manner: Manner = Manner.PLAIN) -> None:
        self._twin, self._clock, self._manner = twin, clock, manner
        self.last: TwinSpecimen | None = None

    def specimen(self, _panel: str) -> TwinSpecimen:
        """The next patient's specimen."""
        return self._said(SampleRole.PATIENT)

    def control(self, _panel: str) -> TwinSpecimen:
        """The next measurement of control material."""
        return self._said(SampleRole.QC)

    def again(self, specimen: EmulatedSpecimen) -> TwinSpecimen:
        """The same tube and tests, measured once more."""
        return self._said(SampleRole.PATIENT, _spoken_of(specimen))

    def _said(self, role: SampleRole, again: Spoken | None = None) -> TwinSpecimen:
        zone = ZoneInfo(self._twin.plan.zone)
        now = self._clock.utc_now().astimezone(zone).replace(tzinfo=None, microsecond=0)
        spoken = self._twin.results(now, role, self._manner, again)
        whose = spoken.meanings[0].whose
        is_control = whose.role is not SampleRole.PATIENT
        results = tuple(
            [
                EmulatedResult(
                    EmulatedTest(one.test_code, "", one.value.unit, 0, 0, 0), _shown(one.value), ""
                )
                for one in spoken.meanings
            ]
        )
        self.last = TwinSpecimen(
            whose.sample_id, "", "", "", "", is_control=is_control, results=results, spoken=spoken
        )
        return self.last


class TwinSpeech(Speech):
    """How a twin speaks over a connection, and into files."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def make_link(self, _choices: LinkChoices) -> Link:
        """The voice's own link; a scenario has no say in it."""
        return self._twin.voice.make_link()

    def results(self, _name: str, specimen: EmulatedSpecimen, _measured: datetime) -> bytes:
        """The message in which the specimen was said."""
        return self._twin.voice.compose(_spoken_of(specimen).said, self._twin.plan.encoding)

    def file(self, specimen: EmulatedSpecimen) -> bytes:
        """The same as a whole file."""
        said = replace(_spoken_of(specimen).said, is_file=True)
        return self._twin.voice.compose(said, self._twin.plan.encoding)

    def query(self, _name: str, _sample_id: str, asked: datetime) -> bytes:
        """A query for a specimen of the twin's own."""
        spoken = self._twin.query(asked.replace(tzinfo=None, microsecond=0))
        return self._twin.voice.compose(spoken.said, self._twin.plan.encoding)

    def is_taken(self, reply: bytes) -> bool:
        """As the protocol's replies say."""
        return self._twin.voice.is_taken(reply)


class TwinConversation:
    """What a twin says in a POCT1-A conversation (`emulators.poct1a_analyzer.Messages`)."""

    def __init__(self, twin: Twin, source: TwinSource) -> None:
        self._twin, self._source = twin, source

    def hello(self, _name: str, control_id: str, _moment: str) -> bytes:
        """The greeting of the specimen that waits."""
        if self._source.last is None:
            raise ValueError("a conversation begins when something was measured")
        said = replace(self._source.last.spoken.said, number=int(control_id))
        return self._twin.voice.greeting(said, self._twin.plan.encoding)[0]

    def observations(
        self, specimen: EmulatedSpecimen, _measured: str, control_id: str, _moment: str
    ) -> bytes:
        """The results, under the conversation's own number."""
        said = _spoken_of(specimen).said
        header = {**said.header, _CONTROL_ID: control_id}
        said = replace(said, header=header, number=int(control_id))
        return self._twin.voice.compose(said, self._twin.plan.encoding)


def _spoken_of(specimen: EmulatedSpecimen) -> Spoken:
    if not isinstance(specimen, TwinSpecimen):
        raise TypeError("a twin speaks of its own specimens alone")
    return specimen.spoken


def _shown(value: SaidValue) -> str:
    """The value as the LIS sees it: the number, or the words."""
    if value.number is None:
        return value.words
    return f"{value.comparator}{value.number}"
