"""Reads the tables of queries, the work given for them, and the answers that the analyzer must get.

The notation is told in tests/drivers/expected/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from middleware.driver.api import AnswerContext, OrderingDriver
from middleware.model import Identifier, Patient, Priority, SpecimenWork, WorkOrderStep
from tests.kit.expected_table import TABLES

NOW = datetime(2031, 3, 4, 8, 30, 0, tzinfo=UTC)
CONTEXT = AnswerContext(NOW, "TEST01Q7", "Europe/Berlin", "latin-1", "TEST01")
ANNA = Patient(
    identifiers=(Identifier(id="P-77", authority="HOSP"),),
    name="Sample^Anna",
    birth_date="19791105",
    sex="F",
)


@dataclass
class AnswerCase:
    """One query and what it is answered."""

    driver: str
    title: str
    recording: str = ""
    given: list[SpecimenWork] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)


def answer_cases(name: str) -> list[AnswerCase]:
    """The cases of one table."""
    cases: list[AnswerCase] = []
    into: list[str] = []
    step = 0
    for line in _lines(name):
        word, _, rest = line.partition(" ")
        if word == "case":
            driver, _, title = rest.partition(": ")
            cases.append(AnswerCase(driver, title))
            step = 0
        elif word == "recording":
            cases[-1].recording = rest
        elif word == "given":
            cases[-1].given.append(_work(rest, step))
            step += len(cases[-1].given[-1].steps)
        elif word == "query":
            into = cases[-1].query
        elif word == "answer":
            into = []
            cases[-1].answers.append(into)
        elif word != "silence":
            into.append(line)
    return cases


def _lines(name: str) -> Iterator[str]:
    for line in (TABLES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _work(text: str, first: int) -> SpecimenWork:
    """`S1 stat GLU K type=SER at=R1/5`: of Anna where `anna` stands."""
    sample_id, priority, *words = text.split(" ")
    named = dict(word.split("=", 1) for word in words if "=" in word)
    codes = [word for word in words if "=" not in word and word != "anna"]
    carrier, _, position = named.get("at", "").partition("/")
    return SpecimenWork(
        sample_id=sample_id,
        steps=tuple(
            [
                WorkOrderStep(
                    id=first + at, test_code=code, lis_code=code, priority=Priority(priority)
                )
                for at, code in enumerate(codes, start=1)
            ]
        ),
        specimen_type=named.get("type", ""),
        patient=ANNA if "anna" in words else None,
        carrier=carrier,
        position=position,
    )


def answered(driver: OrderingDriver, text: bytes, case: AnswerCase) -> list[list[str]]:
    """The messages of the driver as lines; every step that was given is carried once, or not at all."""
    said = driver.answers(text, case.given, CONTEXT)
    carried = [step for one in said for step in one.steps]
    assert len(carried) == len(set(carried)), case.title
    return [one.text.decode("latin-1").removesuffix("\r").split("\r") for one in said]


def query_text(case: AnswerCase) -> bytes:
    """The query as it comes out of the link."""
    return "".join(line + "\r" for line in case.query).encode("latin-1")
