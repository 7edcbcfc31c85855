"""Invented specimens, people and values: the same seed gives the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Protocol

from middleware.wire.lis2.build import MessageBuilder

_FAMILY = ("Adler", "Birke", "Falke", "Hasel", "Kiesel", "Luchs", "Müller-Test", "Quelle", "Wiese")
_GIVEN = ("Ada", "Bruno", "Clara", "Emil", "Frieda", "Jonas", "Marta", "Paul", "Rosa")


@dataclass(frozen=True, slots=True)
class EmulatedTest:
    """A test that an emulated analyzer can do; `low` and `high` bound its reference range."""

    code: str
    name: str
    unit: str
    low: float
    high: float
    digits: int


PANELS: Mapping[str, tuple[EmulatedTest, ...]] = {
    "chem": (
        EmulatedTest("GLU", "Glucose", "mmol/L", 3.9, 6.1, 1),
        EmulatedTest("UREA", "Urea", "mmol/L", 2.8, 8.1, 1),
        EmulatedTest("CREA", "Creatinine", "umol/L", 59, 104, 0),
        EmulatedTest("NA", "Sodium", "mmol/L", 136, 145, 0),
        EmulatedTest("K", "Potassium", "mmol/L", 3.5, 5.1, 1),
        EmulatedTest("CL", "Chloride", "mmol/L", 98, 107, 0),
        EmulatedTest("ALT", "Alanine aminotransferase", "U/L", 5, 41, 0),
        EmulatedTest("AST", "Aspartate aminotransferase", "U/L", 5, 40, 0),
        EmulatedTest("ALP", "Alkaline phosphatase", "U/L", 40, 129, 0),
        EmulatedTest("TBIL", "Bilirubin total", "umol/L", 3, 21, 1),
        EmulatedTest("TP", "Protein total", "g/L", 64, 83, 0),
        EmulatedTest("CRP", "C reactive protein", "mg/L", 0.3, 5, 1),
    ),
    "count": (
        EmulatedTest("WBC", "Leukocytes", "10*9/L", 4.0, 10.0, 2),
        EmulatedTest("RBC", "Erythrocytes", "10*12/L", 4.2, 5.4, 2),
        EmulatedTest("HGB", "Haemoglobin", "g/L", 120, 160, 0),
        EmulatedTest("HCT", "Haematocrit", "L/L", 0.37, 0.47, 3),
        EmulatedTest("MCV", "Mean corpuscular volume", "fL", 80, 96, 1),
        EmulatedTest("PLT", "Platelets", "10*9/L", 150, 400, 0),
    ),
    "immuno": (
        EmulatedTest("TSH", "Thyrotropin", "mIU/L", 0.27, 4.2, 2),
        EmulatedTest("FT4", "Thyroxine free", "pmol/L", 12, 22, 1),
        EmulatedTest("FERR", "Ferritin", "ug/L", 30, 400, 0),
    ),
    "cardiac": (
        EmulatedTest("TNT", "Troponin T", "ng/L", 3, 14, 1),
        EmulatedTest("BNP", "Natriuretic peptide", "ng/L", 20, 125, 0),
        EmulatedTest("CKMB", "Creatine kinase MB", "ug/L", 0.6, 6.2, 1),
    ),
    "vitamins": (
        EmulatedTest("B12", "Vitamin B12", "pmol/L", 145, 569, 0),
        EmulatedTest("FOL", "Folate", "nmol/L", 8.8, 45, 1),
        EmulatedTest("VITD", "Vitamin D", "nmol/L", 50, 125, 0),
    ),
}


@dataclass(frozen=True, slots=True)
class EmulatedResult:
    """One value as the analyzer prints it."""

    test: EmulatedTest
    value: str
    flag: str


@dataclass(frozen=True, slots=True)
class EmulatedSpecimen:
    """One tube and what was measured in it. `is_control` marks quality control material."""

    sample_id: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    is_control: bool
    results: tuple[EmulatedResult, ...]

    def values(self) -> dict[str, str]:
        """Test code to value, as sent."""
        return {result.test.code: result.value for result in self.results}


class Source(Protocol):
    """Where an emulated analyzer's specimens come from."""

    def specimen(self, panel: str) -> EmulatedSpecimen:
        """The next patient's specimen."""
        ...

    def control(self, panel: str) -> EmulatedSpecimen:
        """The next measurement of quality control material."""
        ...

    def again(self, specimen: EmulatedSpecimen) -> EmulatedSpecimen:
        """The same tube and tests, measured once more."""
        ...


class SpecimenSource:
    """Specimens one after the other; ids are `prefix` and a running number, never repeated."""

    def __init__(self, seed: int, prefix: str) -> None:
        self._random = Random(seed)
        self._prefix = prefix
        self._number = 0

    def specimen(self, panel: str) -> EmulatedSpecimen:
        """The next patient's specimen."""
        random = self._random
        self._number += 1
        return EmulatedSpecimen(
            sample_id=f"{self._prefix}{self._number:06d}",
            patient_id=f"T{random.randrange(10**7):07d}",
            patient_name=f"{random.choice(_FAMILY)}^{random.choice(_GIVEN)}",
            birth_date=f"{random.randrange(1930, 2020)}{random.randrange(1, 13):02d}15",
            sex=random.choice("FM"),
            is_control=False,
            results=self._measure(panel),
        )

    def control(self, panel: str) -> EmulatedSpecimen:
        """The next measurement of quality control material."""
        self._number += 1
        sample_id = f"QC-{self._prefix}{self._number:06d}"
        return EmulatedSpecimen(sample_id, "", "", "", "", True, self._measure(panel))

    def again(self, specimen: EmulatedSpecimen) -> EmulatedSpecimen:
        """The same tube and tests, measured once more."""
        results = tuple(self._value(result.test) for result in specimen.results)
        return replace(specimen, results=results)

    def _measure(self, panel: str) -> tuple[EmulatedResult, ...]:
        return tuple(self._value(test) for test in PANELS[panel])

    def _value(self, test: EmulatedTest) -> EmulatedResult:
        middle, width = (test.low + test.high) / 2, test.high - test.low
        value = max(test.low * 0.3, self._random.gauss(middle, width * 0.35))
        flag = "H" if value > test.high else "L" if value < test.low else "N"
        return EmulatedResult(test, f"{value:.{test.digits}f}", flag)


def results_message(name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
    """The LIS2 message with every result of `specimen`; `measured` in the analyzer's local time."""
    moment = measured.strftime("%Y%m%d%H%M%S")
    codes = [["", "", "", result.test.code] for result in specimen.results]
    order = {3: specimen.sample_id, 5: codes, 6: "R", 7: moment, 16: "SERUM", 26: "F"}
    if specimen.is_control:
        order |= {12: "Q", 16: "CONTROL"}
    message = _header(name, moment)
    patient = {4: specimen.patient_id, 6: specimen.patient_name.split("^")}
    message.add("P", {**patient, 8: specimen.birth_date, 9: specimen.sex})
    message.add("O", order)
    for result in specimen.results:
        test = result.test
        message.add(
            "R",
            {
                3: ["", "", "", test.code, test.name],
                4: result.value,
                5: test.unit,
                6: f"{test.low:g} to {test.high:g}",
                7: result.flag,
                9: "F",
                11: "OP1",
                13: moment,
            },
        )
    return message.terminator().encoded()


def query_message(name: str, sample_id: str, asked: datetime) -> bytes:
    """The LIS2 host query for one specimen."""
    message = _header(name, asked.strftime("%Y%m%d%H%M%S"))
    message.add("Q", {3: ["", sample_id], 5: "ALL"})
    return message.terminator().encoded()


def _header(name: str, moment: str) -> MessageBuilder:
    return MessageBuilder().header({5: [name, "EMULATED"], 12: "P", 13: "LIS2-A2", 14: moment})
