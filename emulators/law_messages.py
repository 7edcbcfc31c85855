"""The messages of an emulated LAW analyzer: QBP^Q11, OUL^R22, and ORL^O34 to orders (IHE PaLM TF-2b 3.27 to 3.29)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from emulators.specimens import PANELS, EmulatedResult, EmulatedSpecimen
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import NULL, Raw, Segment, components, compose, parse, segment

_SYSTEM = "99EMU"
_KNOWN_TESTS = frozenset(test.code for panel in PANELS.values() for test in panel)


@dataclass(frozen=True, slots=True)
class Said:
    """What makes a message different from every other: who sends it, its number (MSH-10) and its time (aware)."""

    name: str
    control_id: str
    moment: datetime

    @property
    def stamp(self) -> str:
        """MSH-7 with offset."""
        return self.moment.strftime("%Y%m%d%H%M%S%z")


@dataclass(frozen=True, slots=True)
class Measured:
    """A specimen and how it was measured. `awos`: the host's step id of a test; `failed`: tests without value."""

    specimen: EmulatedSpecimen
    run: int = 1
    awos: Mapping[str, str] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()


def query_message(said: Said, sample_id: str) -> bytes:
    """LAB-27: is there work for this container?"""
    name = components("WOS", "Work Order Step", "IHELAW")
    return compose(
        [
            _header(said, ("QBP", "Q11", "QBP_Q11"), "LAB-27"),
            segment("QPD", {1: name, 2: f"Q{said.control_id}", 3: sample_id, 4: "R07", 5: "3"}),
            segment("RCP", {1: "I", 3: components("R", "Real Time", "HL70394")}),
        ]
    )


def results_message(said: Said, measured: Measured) -> bytes:
    """LAB-29 with every test of the specimen."""
    lines = _about(said, measured.specimen)
    for number, result in enumerate(measured.specimen.results, start=1):
        lines += _result(said, measured, number, result)
    return compose(lines)


def state_message(said: Said, specimen: EmulatedSpecimen) -> bytes:
    """LAB-29 without results: each test is being measured."""
    lines = _about(said, specimen)
    for number, result in enumerate(specimen.results, start=1):
        lines += _order(number, result, "", "IP")
    return compose(lines)


def _header(said: Said, kind: tuple[str, str, str], transaction: str) -> str:
    return segment(
        "MSH",
        {
            3: components(said.name, "EMULATED", "SN"),
            5: "LABWIRE",
            7: said.stamp,
            9: components(*kind),
            10: said.control_id,
            11: "P",
            12: "2.5.1",
            15: "NE",
            16: "AL",
            18: "UNICODE UTF-8",
            21: components(transaction, "IHE"),
        },
    )


def _about(said: Said, specimen: EmulatedSpecimen) -> list[str]:
    """The header, and whose and what the material is."""
    lines = [_header(said, ("OUL", "R22", "OUL_R22"), "LAB-29")]
    if specimen.is_control:
        role, kind = components("Q", "", "HL70369"), Raw(NULL)
        material = {
            1: components("CTRL-2", "Emulated control level 2", _SYSTEM),
            2: components("OK", "", "HL70383"),
            3: components("CO", "", "HL70384"),
            12: "20991231",
            16: "45821",
        }
        lines += [segment("SPM", {1: "1", 4: kind, 11: role})]
        return [*lines, segment("SAC", {3: specimen.sample_id}), segment("INV", material)]
    patient = {
        3: components(specimen.patient_id, "", "", "EMU", "MR"),
        5: components(*specimen.patient_name.split("^")),
        7: specimen.birth_date,
        8: specimen.sex,
    }
    role, kind = components("P", "", "HL70369"), components("SER", "Serum", "HL70487")
    return [
        *lines,
        segment("PID", patient),
        segment("SPM", {1: "1", 2: specimen.sample_id, 4: kind, 11: role}),
        segment("SAC", {3: specimen.sample_id, 10: "R07", 11: "3"}),
    ]


def _order(number: int, result: EmulatedResult, awos_id: str, state: str) -> list[str]:
    test = components(result.test.code, result.test.name, _SYSTEM)
    obr = {1: str(number), 2: awos_id or Raw(NULL), 4: test}
    return [segment("OBR", obr), segment("ORC", {1: "SC", 5: state})]


def _result(said: Said, measured: Measured, number: int, result: EmulatedResult) -> list[str]:
    test = result.test
    has_failed = test.code in measured.failed
    state = "CA" if has_failed else "CM"
    lines = _order(number, result, measured.awos.get(test.code, ""), state)
    obx = {
        1: "1",
        2: "NM",
        3: components(test.code, test.name, _SYSTEM),
        4: str(measured.run),
        5: Raw(NULL) if has_failed else result.value,
        6: components(test.unit, "", "UCUM"),
        7: f"{test.low:g} to {test.high:g}",
        8: "NONE" if has_failed else components(result.flag, "", "HL70078"),
        11: "X" if has_failed else "F",
        16: "OP1",
        18: Raw(f"{said.name}^EMU~SN1^EMU"),
        19: said.stamp,
        29: "RSLT",
    }
    lines.append(segment("OBX", obx))
    if has_failed:
        alarm = components("CLOT", "Clot detected", _SYSTEM)
        return [*lines, segment("NTE", {1: "1", 3: alarm, 4: "I"})]
    lot = {
        1: components(f"{test.code}-R1", "", _SYSTEM),
        3: components("SR", "", "HL70384"),
        16: "LOT778",
    }
    return [*lines, segment("INV", lot)]


@dataclass(frozen=True, slots=True)
class OrdersTaken:
    """What an OML^O33 asked: our answer, and the steps by container (test code to AWOS id). `is_negative`: no work."""

    answer: bytes
    steps: Mapping[str, Mapping[str, str]]
    container: str
    is_negative: bool
    refused: Sequence[tuple[str, str]] = ()  # container and test, answered UA
    cancelled: Sequence[str] = ()  # AWOS ids, answered CR


@dataclass(frozen=True, slots=True)
class Taking:
    """How orders are answered: what was measured already, by AWOS id, and what it does not do for a container."""

    is_measured: Callable[[str], bool]
    refuses: Callable[[str, str], bool] = lambda _container, code: code not in _KNOWN_TESTS


def take_orders(text: bytes, said: Said, taking: Taking) -> OrdersTaken:
    """Read LAB-28 and answer it: OK or UA for each new step, CR or UC for a cancelled one, AA alone for no work."""
    try:
        message = parse(text)
    except RemoteProtocolError:
        return OrdersTaken(_answer(said, "", "AR", []), {}, "", is_negative=False)
    container = message.get("SAC-3.1.1")
    control_id = message.get("MSH-10")
    if message.get("ORC-1") == "DC":
        return OrdersTaken(_answer(said, control_id, "AA", []), {}, container, is_negative=True)
    given = _Given(taking)
    for one in message.segments_in_order:
        given.hear(one)
    if not given.lines:
        return OrdersTaken(_answer(said, control_id, "AE", []), {}, container, is_negative=False)
    answer = _answer(said, control_id, "AA", given.lines)
    more = (given.refused, given.cancelled)
    return OrdersTaken(answer, given.steps, container, False, *more)


class _Given:
    """Reads the segments of an OML^O33 one by one, and answers each step."""

    def __init__(self, taking: Taking) -> None:
        self.steps: dict[str, dict[str, str]] = {}
        self.lines: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.cancelled: list[str] = []
        self._taking = taking
        self._container = ""
        self._control = ""

    def hear(self, one: Segment) -> None:
        """The next segment."""
        if one.name in ("SPM", "SAC"):
            self.lines.append(one.raw)
            self._container = one.get("SAC-3.1.1") or self._container
        elif one.name == "ORC":
            self._control = one.get("ORC-1")
        elif one.name == "OBR":
            awos_id, code = one.get("OBR-2.1"), one.get("OBR-4.1")
            answer, state = self._answer(awos_id, code)
            self.lines.append(segment("ORC", {1: answer, 2: awos_id, 5: state}))

    def _answer(self, awos_id: str, code: str) -> tuple[str, str]:
        """ORC-1 and ORC-5 of the answer to one step."""
        if self._control == "CA":
            if self._taking.is_measured(awos_id):
                return "UC", "CM"
            self.cancelled.append(awos_id)
            return "CR", "CA"
        if self._taking.refuses(self._container, code):
            self.refused.append((self._container, code))
            return "UA", "CA"
        self.steps.setdefault(self._container, {})[code] = awos_id
        return "OK", "SC"


def _answer(said: Said, control_id: str, code: str, lines: Sequence[str]) -> bytes:
    header = segment(
        "MSH",
        {
            3: components(said.name, "EMULATED", "SN"),
            5: "LABWIRE",
            7: said.stamp,
            9: components("ORL", "O34", "ORL_O42"),
            10: said.control_id,
            11: "P",
            12: "2.5.1",
            21: components("LAB-28", "IHE"),
        },
    )
    return compose([header, segment("MSA", {1: code, 2: control_id}), *lines])
