"""Whose is a result? By the identifier where each analyzer puts it, in every shape; by its place in the message never.

Each shape is written for the driver of an analyzer that sends it. A value repeats the number of its own specimen, so a
result that has landed elsewhere shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import pytest

from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.model import Result
from tests.kit.hl7_messages import message

CATALOGUE = load_catalogue()
FIRST, SECOND, THIRD = "260304100", "260304200", "260304300"
LAW_HEADER = r"MSH|^~\&|DEMO||MW||20310304092230||OUL^R22^OUL_R22|A-1|P|2.5.1|||NE|AL||UNICODE UTF-8|||LAB-29^IHE"


def lis2(*groups: list[str]) -> bytes:
    records = [r"H|\^&|||DEMO|||||||P|1", *[record for group in groups for record in group], "L|1"]
    return "".join(f"{record}\r" for record in records).encode("ascii")


def named(analyzer: str) -> Callable[..., bytes]:
    """The header names the analyzer, for profiles that look."""
    return lambda *groups: lis2(*groups).replace(b"|||DEMO|", f"|||{analyzer}|".encode())


def hl7(*groups: list[str]) -> bytes:
    return message(*[segment for group in groups for segment in group])


def law(*groups: list[str]) -> bytes:
    return message(*[segment for group in groups for segment in group], header=LAW_HEADER)


def lis2_group(patient: str, order: str, result: str) -> Callable[[str], list[str]]:
    return lambda sid: [one.format(id=sid) for one in (patient, order, result + "|" + sid[-3:])]


def segments(*texts: str) -> Callable[[str], list[str]]:
    """With the observation, whose value repeats the end of the id."""
    return lambda sid: [one.format(id=sid, value=sid[-3:] or "999") for one in texts]


@dataclass(frozen=True)
class Shape:
    """Where an analyzer puts the identifier. `group` writes one specimen with one result."""

    driver: str
    whole: Callable[..., bytes]
    group: Callable[[str], list[str]]


OBX = "OBX|1|NM|GLU||{value}||||||F"
SHAPES = {
    "O-3": Shape("generic_astm", lis2, lis2_group("P|1", "O|1|{id}", "R|1|^^^GLU")),
    "O-3, first of its parts": Shape(
        "ortho_vitros_3600", lis2, lis2_group("P|1", "O|1|{id}^3^1", "R|1|^^^1.0+002+1.0")
    ),
    "O-3, second of its parts, padded": Shape(
        "roche_cobas_c311",
        named("c311^1"),
        lis2_group("P|1", "O|1|20017^{id:<22}^1^^004", "R|1|^^^685/"),
    ),
    "O-3, third of its parts, right-aligned": Shape(
        "sysmex_cs", lis2, lis2_group("P|1", "O|1|000012^03^{id:>22}^B", "R|1|^^^041")
    ),
    "O-4, third of its parts, right-aligned": Shape(
        "sysmex_xn", lis2, lis2_group("P|1", "O|1||12^3^{id:>22}^M", "R|1|^^^^WBC")
    ),
    "P-4": Shape("euroimmun_analyzer_1", lis2, lis2_group("P|1||{id}", "O|1||", "R|1|^^^IgG")),
    "OBR-3": Shape("generic_hl7", hl7, segments("OBR|1||{id}", OBX)),
    "OBR-2": Shape("mindray_bs", hl7, segments("PID|1", "OBR|1|{id}|7", OBX)),
    "SPM-2": Shape("generic_hl7", hl7, segments("PID|1", "SPM|1|{id}", "OBR|1", OBX)),
    "SAC-3": Shape("generic_law", law, segments("SPM|1", "SAC|||{id}", "OBR|1|A-1", OBX)),
    "a composite SPM-2": Shape(
        "generic_law", law, segments("SPM|1|{id}&LIS^FILLER", "SAC||", "OBR|1|A-1", OBX)
    ),
}


def results(shape: Shape, *ids: str) -> list[Result]:
    driver = CATALOGUE.driver(shape.driver)
    text = shape.whole(*[shape.group(sid) for sid in ids])
    return list(driver.decode(text, DecodeContext()).results)


def said(found: list[Result]) -> set[tuple[str, str]]:
    return {(one.specimen.sample_id, one.value.raw.strip()) for one in found}


@pytest.mark.parametrize("name", SHAPES)
def test_each_result_of_a_message_with_several_specimens_is_its_own_ones(name: str) -> None:
    """In every order of the specimens, the same."""
    wanted = {(one, one[-3:]) for one in (FIRST, SECOND, THIRD)}
    for order in permutations((FIRST, SECOND, THIRD)):
        assert said(results(SHAPES[name], *order)) == wanted


@pytest.mark.parametrize("name", SHAPES)
def test_a_specimen_without_identifier_never_gets_its_neighbours(name: str) -> None:
    """First, in the middle or last: its result belongs to nobody, and goes to the worklist."""
    for ids in (["", FIRST, SECOND], [FIRST, "", SECOND], [FIRST, SECOND, ""]):
        found = results(SHAPES[name], *ids)
        assert len(found) == 3
        of_nobody = [one for one in found if not one.specimen.sample_id]
        assert len(of_nobody) == 1
        assert {one.specimen.sample_id for one in found} == {FIRST, SECOND, ""}
        assert {FIRST[-3:], SECOND[-3:]} <= {one.value.raw.strip() for one in found}
        assert of_nobody[0].value.raw.strip() not in {FIRST[-3:], SECOND[-3:]}


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "P-4"])
def test_the_patient_above_is_never_taken_for_the_specimen(name: str) -> None:
    """An analyzer that names the patient and not the tube leaves the result without a specimen."""
    shape = SHAPES[name]
    group = shape.group("")
    group[0] = {"P": "P|1|PT-1|PT-2", "PID": "PID|1||PT-1"}.get(group[0].split("|")[0], group[0])
    (found,) = CATALOGUE.driver(shape.driver).decode(shape.whole(group), DecodeContext()).results
    assert found.specimen.sample_id == ""
