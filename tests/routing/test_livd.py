"""A vendor's LIVD catalogue becomes proposals; the table, and what was approved in it, stays."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from middleware.routing.livd import LivdRow, NotLivd, read_livd
from middleware.routing.livd_proposals import ProposalKind, as_csv, proposals
from middleware.routing.loinc import check_digit, is_loinc
from tests.kit.code_tables import table_of

WORKBOOK = """\
Catalogue of an invented vendor,,,,
Manufacturer,Model,Vendor Analyte Code,vendor  analyte name,Vendor Specimen Description,LOINC Code,\
LOINC Long Name,Publication Version ID
Invented,Chem 9,GLU,Glucose,Serum,14749-6,Glucose [Moles/volume] in Serum or Plasma,2031.1
Invented,Chem 9,GLU,Glucose,Urine,15076-3,Glucose [Moles/volume] in Urine,2031.1
Invented,Chem 9,NA,Sodium,Serum,2951-2,Sodium [Moles/volume] in Serum or Plasma,2031.1
Invented,Chem 9,K,Potassium,Serum,2823-4,Potassium,2031.1
Invented,Chem 9,LACT,Lactate,Plasma,2524-7,Deprecated Lactate,2031.1
Invented,Chem 9,XYZ,New test,Serum,,,2031.1
"""


def bundle() -> dict[str, Any]:
    """The same of another analyzer, as FHIR R4."""
    target = {
        "code": "14749-6",
        "equivalence": "relatedto",
        "dependsOn": [{"property": "specimen", "value": "Serum or plasma"}],
    }
    resources: list[dict[str, Any]] = [
        {"resourceType": "Composition", "identifier": {"value": "PUB-7"}},
        {
            "resourceType": "DeviceDefinition",
            "manufacturerString": "Invented",
            "modelNumber": "Chem 10",
        },
        {
            "resourceType": "ObservationDefinition",
            "code": {"coding": [{"code": "GLU", "display": "Glucose"}]},
        },
        {
            "resourceType": "ObservationDefinition",
            "code": {"coding": [{"code": "XYZ", "display": "New"}]},
        },
        {
            "resourceType": "ConceptMap",
            "group": [
                {
                    "target": "http://loinc.org",
                    "targetVersion": "2.80",
                    "element": [{"code": "GLU", "display": "Glucose", "target": [target]}],
                }
            ],
        },
        {
            "resourceType": "CodeSystem",
            "concept": [
                {
                    "code": "14749-6",
                    "display": "Glucose [Moles/volume]",
                    "property": [{"code": "STATUS", "valueString": "DISCOURAGED"}],
                }
            ],
        },
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in resources],
    }


def test_a_workbook_is_read_whatever_its_headings_look_like() -> None:
    """Order, blanks and capitals vary from vendor to vendor."""
    rows = read_livd(WORKBOOK)
    assert [(one.code, one.loinc) for one in rows[:2]] == [("GLU", "14749-6"), ("GLU", "15076-3")]
    assert (rows[0].model, rows[0].specimen, rows[0].line) == ("Chem 9", "Serum", 3)


def test_a_bundle_is_read_with_names_and_status() -> None:
    """Names and statuses stand in other resources of the same bundle."""
    first, second = read_livd(json.dumps(bundle()))
    assert first == LivdRow(
        code="GLU",
        name="Glucose",
        manufacturer="Invented",
        model="Chem 10",
        specimen="Serum or plasma",
        loinc="14749-6",
        loinc_name="Glucose [Moles/volume]",
        loinc_status="DISCOURAGED",
        publication="PUB-7",
        loinc_version="2.80",
    )
    assert first.doubt == "LOINC 14749-6 is discouraged"
    assert (second.code, second.loinc) == ("XYZ", "")


TABLE = """\
test_code,specimen_type,lis_code,loinc,source,approved_by
GLU,SER,GLUC,14749-6,,A. Sample
NA,,SOD,,,
LACT,,LACT,2518-9,LIVD Invented Chem 9 2030.1,A. Sample
"""


def test_each_suggestion_is_set_against_the_table() -> None:
    """A difference is shown and never applied."""
    found = proposals(read_livd(WORKBOOK), table_of(TABLE))
    assert [(one.row.code, one.kind) for one in found] == [
        ("GLU", ProposalKind.SAME),
        ("GLU", ProposalKind.DIFFERS),
        ("NA", ProposalKind.ADDS_LOINC),
        ("K", ProposalKind.REFUSED),
        ("LACT", ProposalKind.DIFFERS),
        ("XYZ", ProposalKind.NO_LOINC),
        ("LACT", ProposalKind.GONE),
    ]
    assert "check digit" in found[3].note
    assert "deprecated" in found[4].note


def test_proposals_can_be_copied_into_a_table() -> None:
    """Without the first column they are rows of a table, and nobody has approved them."""
    text = as_csv(proposals(read_livd(WORKBOOK), table_of(TABLE)))
    rows = list(csv.DictReader(text.splitlines()))
    assert [row.pop("proposal") for row in rows] == [
        "differs",
        "adds_loinc",
        "refused",
        "differs",
        "no_loinc",
        "gone",
    ]
    sodium = rows[1]
    assert (sodium["test_code"], sodium["lis_code"], sodium["loinc"]) == ("NA", "SOD", "2951-2")
    assert sodium["source"] == "LIVD Invented Chem 9 2031.1"
    copied = ",".join(sodium) + "\n" + ",".join(f'"{cell}"' for cell in sodium.values())
    assert table_of(copied).rows[0].approved_by == ""


def test_without_a_table_everything_is_new() -> None:
    """A line that has none yet begins so."""
    kinds = {one.row.code: one.kind for one in proposals(read_livd(WORKBOOK), None)}
    assert kinds == {
        "GLU": ProposalKind.NEW,
        "NA": ProposalKind.NEW,
        "K": ProposalKind.REFUSED,
        "LACT": ProposalKind.NEW,
        "XYZ": ProposalKind.NO_LOINC,
    }


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", "{", '{"resourceType": "Patient"}', '{"resourceType": "Bundle"}', "[" * 9],
)
def test_what_is_no_catalogue_is_told(text: str) -> None:
    """The wrong file is easily named."""
    with pytest.raises(NotLivd):
        read_livd(text)


@pytest.mark.parametrize("junk", [None, 5, "x", [], {}])
def test_a_bundle_with_the_wrong_things_inside_is_no_fault_of_ours(junk: Any) -> None:
    """Whatever stands where a list or a table belongs."""
    whole = bundle()
    whole["entry"].append(junk)
    whole["entry"].append({"resource": {"resourceType": "ConceptMap", "group": [junk]}})
    whole["entry"].append({"resource": {"resourceType": "ConceptMap", "group": junk}})
    assert read_livd(json.dumps(whole))[0].code == "GLU"


@pytest.mark.parametrize(
    "code", ["2345-7", "14749-6", "718-7", "6690-2", "777-3", "789-8", "751-8"]
)
def test_a_true_code_has_its_check_digit(code: str) -> None:
    """And with any other digit it is none."""
    assert is_loinc(code)
    digits, _, last = code.partition("-")
    assert check_digit(digits) == int(last)
    assert not any(is_loinc(f"{digits}-{other}") for other in "0123456789" if other != last)
