"""Reads the file of quality control that `[qc]` names, and says everything that is wrong with it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from middleware.qc.codes import GateMode
from middleware.review.quality import SiteQc
from middleware.review.quality_file import QcFile
from middleware.settings.faults import read_model
from middleware.settings.locate import Locator
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem, Weight, did_you_mean, spoken

_MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class _Written:
    """The file with the places of its keys."""

    path: Path
    locator: Locator

    def problem(
        self, place: Location, message: str, cure: str = "", weight: Weight = Weight.ERROR
    ) -> Problem:
        return Problem(self.path, self.locator.line_of(place), spoken(place), message, cure, weight)


def read_qc(parts: Parts) -> list[Problem]:
    """Read the file that `[qc]` names; answers what is wrong with it."""
    table = parts.qc_table
    if table is None or table.file is None:
        return []
    try:
        text = _read(table.file)
        data = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        message = f"{table.file} cannot be read: {getattr(error, 'strerror', None) or error}"
        cure = "correct the path, or repair the file"
        return [parts.loaded.problem(("qc", "file"), message, cure)]
    written = _Written(table.file, Locator(text))
    file, faults = read_model(QcFile, data)
    problems = [written.problem(one.place, one.message, one.suggestion) for one in faults]
    if file is None:
        return problems
    problems = [*_faults(file, parts, written)]
    if any(one.weight is Weight.ERROR for one in problems):
        return problems
    zone = parts.node.time_zone if parts.node is not None else "UTC"
    zones = {line.id: ZoneInfo(line.time_zone or zone) for _, line in parts.lines}
    try:
        parts.qc = SiteQc(file, zones)
    except ValueError as error:
        return [*problems, written.problem(("control",), str(error), "write each once")]
    parts.qc_text = (table.file.name, text)
    return problems


def with_qc(settings: tuple[str, str], parts: Parts) -> tuple[str, str]:
    """The text of a setup with the file of quality control after it, as remarks, and its sha256."""
    if parts.qc_text is None:
        return settings
    name, text = parts.qc_text
    block = f"\n# quality control {name}\n" + "\n".join(f"#| {line}" for line in text.splitlines())
    whole = "\n".join([settings[0].rstrip("\n"), block]) + "\n"
    return whole, hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES // 1_000_000} MB")
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def _faults(file: QcFile, parts: Parts, written: _Written) -> Iterator[Problem]:
    """What no single table can tell: names that nothing has, and tables that stand twice or for nothing."""
    lines = [name for _, name in parts.ids_of("line")]
    materials = [one.id for one in file.material]
    lots = [(one.lot, one.level) for one in file.lot]
    for number, lot in enumerate(file.lot):
        if lot.material not in materials:
            cure = did_you_mean(lot.material, materials, "add [[material]]")
            message = f'there is no material "{lot.material}"'
            yield written.problem(("lot", number, "material"), message, cure)
        if (lot.lot, lot.level) in lots[:number]:
            message = f"lot {lot.lot} level {lot.level} stands twice"
            yield written.problem(("lot", number, "lot"), message, "remove one")
    for number, control in enumerate(file.control):
        if (control.lot, control.level) not in lots:
            message = f"there is no [[lot]] {control.lot} with level {control.level}"
            yield written.problem(
                ("control", number, "lot"), message, "add it, or correct the name"
            )
        if control.line not in lines:
            cure = did_you_mean(control.line, lines, "add [[line]]")
            message = f'there is no line "{control.line}"'
            yield written.problem(("control", number, "line"), message, cure)
    for number, one in enumerate(file.patients):
        if one.line not in lines:
            cure = did_you_mean(one.line, lines, "add [[line]]")
            message = f'there is no line "{one.line}"'
            yield written.problem(("patients", number, "line"), message, cure)
        earlier = [(each.line, each.test) for each in file.patients[:number]]
        if (one.line, one.test) in earlier:
            message = f"test {one.test} of {one.line} has two statistics"
            yield written.problem(("patients", number, "test"), message, "remove one")
    yield from _faults_of_gates(file, lines, written)


def _faults_of_gates(file: QcFile, lines: list[str], written: _Written) -> Iterator[Problem]:
    declared = {(one.line, one.test) for one in file.control}
    for number, gate in enumerate(file.gate):
        for at, name in enumerate(gate.lines):
            if name not in lines:
                cure = did_you_mean(name, lines, "add [[line]]")
                place = ("gate", number, "lines", at)
                yield written.problem(place, f'there is no line "{name}"', cure)
        is_external = gate.mode is GateMode.EXTERNAL
        if is_external and not (gate.lines and gate.tests):
            message = "an external gate names its lines and tests: nothing else says what it gates"
            yield written.problem(("gate", number), message, "write lines and tests")
        if not is_external and not any(gate.fits(*one) for one in declared):
            message = "no control is declared for any test of this gate, so it gates nothing"
            cure = "add [[control]], or correct its lines and tests"
            yield written.problem(("gate", number), message, cure, Weight.WARNING)
