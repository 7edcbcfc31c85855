"""How an emulated analyzer speaks HL7 v2 over MLLP, and the command `labwire-emulate hl7`.

`EmulatedAnalyzer` plays the scenario; this module gives it an MLLP link and messages: ORU^R01 of 2.3.1 as haematology
and urine analyzers send it, or OUL^R22 of 2.5.1 as larger ones do. A message is the analyzer's own until AA or CA came
for it; anything else, and silence, makes it send the same bytes again.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from emulators.analyzer import AnalyzerPlan, EmulatedAnalyzer, Speech
from emulators.options import (
    CountOption,
    ObligationsOption,
    PaceOption,
    PrefixOption,
    QuietOption,
    SecondsOption,
    SeedOption,
    ZoneOption,
)
from emulators.oracle import Book
from emulators.place import (
    BaudOption,
    ListenOption,
    Place,
    SerialOption,
    TcpOption,
    TlsOption,
    transport_of,
)
from emulators.running import Run, new_prefix, sentence, speaker, the_reactor
from emulators.scenario import LinkChoices, load_scenario
from emulators.specimens import EmulatedResult, EmulatedSpecimen
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.wire.hl7 import (
    AckOutcome,
    Message,
    Raw,
    classify,
    components,
    compose,
    parse,
    segment,
)
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, MllpLinkOptions

_OPERATOR = "OP1"


class MessageForm(StrEnum):
    """What the results travel in."""

    ORU = "oru"  # ORU^R01, 2.3.1: sample id in OBR-3
    OUL = "oul"  # OUL^R22, 2.5.1: sample id in SAC-3 and SPM-2


@dataclass(slots=True)
class Hl7Speech(Speech):
    """I write the messages of one analyzer. Control ids run from 1, as those of small analyzers do."""

    form: MessageForm = MessageForm.ORU
    _last_id: int = 0

    def make_link(self, choices: LinkChoices) -> Link:
        """An MLLP link; the scenario's `frame_reply_s` is how long it waits for an acknowledgement."""
        return MllpLink(MllpLinkOptions(ack_timeout_s=choices.frame_reply_s))

    def results(self, name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
        """One message with every result of `specimen`."""
        moment = measured.strftime("%Y%m%d%H%M%S")
        if self.form is MessageForm.OUL:
            head = [self._header(name, moment, "OUL^R22^OUL_R22", "2.5.1", specimen)]
            head += [_patient(specimen), *_container(specimen)]
            head.append(segment("OBR", {1: "1", 4: components("PANEL", "Panel", "99EMU")}))
        else:
            head = [self._header(name, moment, "ORU^R01", "2.3.1", specimen), _patient(specimen)]
            order = {1: "1", 3: specimen.sample_id, 4: components("PANEL", "Panel", "99EMU")}
            head.append(segment("OBR", {**order, 7: moment}))
        tests = [_observation(n, one, moment) for n, one in enumerate(specimen.results, start=1)]
        return compose([*head, *tests])

    def query(self, name: str, sample_id: str, asked: datetime) -> bytes:
        """The old query for one specimen, QRY^Q02."""
        moment = asked.strftime("%Y%m%d%H%M%S")
        header = self._header(name, moment, "QRY^Q02", "2.3.1", None)
        fields = {1: moment, 2: "R", 3: "D", 4: str(self._last_id), 7: Raw("RD"), 8: sample_id}
        return compose([header, segment("QRD", {**fields, 9: "OTH", 12: "T"})])

    def is_taken(self, reply: bytes) -> bool:
        """AA or CA."""
        found: Message = parse(reply)
        verdict = classify(reply, found.get("MSA-2").strip())
        return verdict.outcome is AckOutcome.ACCEPTED

    def _header(
        self, name: str, moment: str, kind: str, version: str, specimen: EmulatedSpecimen | None
    ) -> str:
        self._last_id += 1
        is_control = specimen is not None and specimen.is_control
        fields = {3: name, 4: "EMULATED", 7: moment, 9: Raw(kind), 10: str(self._last_id)}
        marks = {11: "Q" if is_control else "P", 12: version, 18: "UNICODE UTF-8"}
        return segment("MSH", {**fields, **marks})


def _patient(specimen: EmulatedSpecimen) -> str:
    identifier = components(specimen.patient_id, "", "", "", "MR") if specimen.patient_id else ""
    name = components(*specimen.patient_name.split("^"))
    person = {7: specimen.birth_date, 8: specimen.sex}
    return segment("PID", {1: "1", 3: identifier, 5: name, **person})


def _container(specimen: EmulatedSpecimen) -> list[str]:
    role = components("Q" if specimen.is_control else "P", "", "HL70369")
    kind = components("SER", "Serum", "HL70487")
    return [
        segment("SPM", {1: "1", 2: specimen.sample_id, 4: kind, 11: role}),
        segment("SAC", {3: specimen.sample_id}),
    ]


def _observation(number: int, result: EmulatedResult, moment: str) -> str:
    test = result.test
    said = {5: result.value, 6: test.unit, 7: f"{test.low:g}-{test.high:g}", 8: result.flag}
    about = {2: "NM", 3: components(test.code, test.name, "99EMU")}
    return segment("OBX", {1: str(number), **about, **said, 11: "F", 16: _OPERATOR, 19: moment})


def command(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    name: Annotated[str, typer.Argument(help="Name of the analyzer, as in MSH-3.")] = "EMULATOR",
    tcp: TcpOption = "",
    listen: ListenOption = "",
    serial: SerialOption = "",
    baud: BaudOption = 9600,
    tls: TlsOption = "",
    message: Annotated[MessageForm, typer.Option(help="ORU^R01 or OUL^R22.")] = MessageForm.ORU,
    scenario: Annotated[str, typer.Option(help="Name or TOML file.")] = "steady",
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    count: CountOption = 0,
    every_s: PaceOption = -1.0,
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Play a scenario as an analyzer that sends HL7 v2 results over MLLP."""
    try:
        reactor, transport = the_reactor(), transport_of(Place(tcp, listen, serial, baud, tls))
        plan = AnalyzerPlan(
            name=name,
            scenario=load_scenario(scenario),
            seed=seed,
            prefix=prefix or new_prefix(),
            time_zone=zoneinfo.ZoneInfo(time_zone),
            count=count or None,
            every_s=None if every_s < 0 else every_s,
            speech=Hl7Speech(message),
        )
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    with Book(obligations) as book:
        emulated = EmulatedAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = speaker(name, quiet)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(_summary(name, emulated))


def _summary(name: str, emulated: EmulatedAnalyzer) -> str:
    faults = ", ".join(f"{one} {times}" for one, times in sorted(emulated.faults.counts.items()))
    return (
        f"{name}: {emulated.acknowledged} messages acknowledged with {emulated.results} results, "
        f"{emulated.not_delivered} sent again; faults: {faults or 'none'}"
    )
