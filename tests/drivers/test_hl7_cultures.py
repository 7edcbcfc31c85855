"""Which organism is a susceptibility of? By number and name, in any order of segments; else nobody's."""

from __future__ import annotations

import pytest

from drivers.protocols.hl7 import PROTOCOL
from middleware.errors import DriverError
from middleware.model import AbnormalFlag
from tests.kit.culture_messages import (
    GROWTH,
    bound,
    doubts,
    profile,
    read,
    susceptibilities,
    whole_culture,
)
from tests.kit.hl7_messages import driver, results

ECOLI, EFA = "Escherichia coli", "Enterococcus faecalis"


def test_each_susceptibility_has_its_own_organism() -> None:
    """The same antibiotic of two organisms: two results, two parents."""
    found = whole_culture().results
    assert bound(found) == [
        ("ORGANISM", "1", ECOLI, 0),
        ("ORGANISM", "2", EFA, 0),
        ("AMP", "1", ECOLI, 4),
        ("GEN", "1", ECOLI, 4),
        ("AMP", "2", EFA, 5),
        ("GEN", "2", EFA, 5),
    ]
    assert set(doubts(found).values()) == {""}
    assert len({(one.test_code, one.test_detail) for one in found}) == len(found)
    assert [one.run for one in found] == [1] * 6
    assert {one.result_group for one in found} == {"CULT", "MIC"}


def test_interpretations_are_read_as_such() -> None:
    """R and S beside a minimum inhibitory concentration are not instrument flags."""
    found = whole_culture().results[2:]
    resistant, susceptible = (AbnormalFlag.RESISTANT,), (AbnormalFlag.SUSCEPTIBLE,)
    assert [one.abnormal_flags for one in found] == [
        resistant,
        susceptible,
        susceptible,
        resistant,
    ]
    assert not any(one.instrument_flags for one in found)
    assert [(one.value.comparator, str(one.value.number)) for one in found] == [
        (">=", "32"),
        ("<=", "1"),
        ("<=", "2"),
        ("", "500"),
    ]


def test_the_order_of_the_orders_does_not_matter() -> None:
    """The second organism's antibiotics come first: by position they would be the first's."""
    found = read(
        *GROWTH,
        *susceptibilities("ORGANISM^2^EFA", "AMP|2|<=^2|S"),
        *susceptibilities("ORGANISM^1^ECO", "AMP|1|>=^32|R"),
    ).results
    assert bound(found)[2:] == [("AMP", "2", EFA, 5), ("AMP", "1", ECOLI, 4)]


@pytest.mark.parametrize(
    ("parent", "why"),
    [
        ("ORGANISM^3^KPN", "nothing in the message names the organism of isolate 3"),
        ("ORGANISM^1^EFA", "the order is for EFA, and isolate 1 is Escherichia coli"),
        ("ORGANISM", "the result follows from another, and names no isolate"),
    ],
)
def test_what_names_no_known_isolate_is_in_doubt(parent: str, why: str) -> None:
    """No identification, another organism, or no number: never the nearest one."""
    number = parent.split("^")[1] if "^" in parent else ""
    found = read(*GROWTH, *susceptibilities(parent, f"AMP|{number}|<=^2|S")).results
    expected = why if number or "^" in parent else ""
    assert doubts(found).get("AMP", "") == expected


def test_number_of_result_and_of_order_must_agree() -> None:
    """A profile that goes by OBX-4 notices when OBR-26 says another isolate."""
    found = read(
        *GROWTH,
        *susceptibilities("ORGANISM^1^ECO", "AMP|2|<=^2|S"),
        of=profile(isolate="OBX-4"),
    ).results
    assert doubts(found)["AMP"] == "the order follows from isolate 1, the result is of 2"


def test_an_isolate_identified_twice_differently_is_in_doubt() -> None:
    """Neither organism is believed, and what follows from them is not either."""
    twice = [*GROWTH, "OBX|3|CWE|ORGANISM|1|KPN^Klebsiella pneumoniae^99DEM||||||F"]
    found = read(*twice, *susceptibilities("ORGANISM^1^ECO", "AMP|1|<=^2|S")).results
    why = "isolate 1 is identified as Escherichia coli and as Klebsiella pneumoniae"
    assert [one.isolate.doubt for one in found if one.isolate] == [why, "", why, why]


def test_an_identification_repeated_under_its_own_order_is_the_same_one() -> None:
    """Some analyzers say the organism again above its antibiotics."""
    again = susceptibilities("ORGANISM^1^ECO", "AMP|1|<=^2|S")
    again.insert(1, "OBX|1|CWE|ORGANISM|1|ECO^Escherichia coli^99DEM||||||F")
    found = read(*GROWTH, *again).results
    assert bound(found)[2:] == [("ORGANISM", "1", ECOLI, 4), ("AMP", "1", ECOLI, 4)]
    assert [one.run for one in found] == [1] * 4


def test_the_same_number_on_another_specimen_is_another_isolate() -> None:
    """Numbers count within a specimen."""
    other = susceptibilities("ORGANISM^1^ECO", "AMP|1|<=^2|S", sample_id="K-2002")
    found = read(*GROWTH, *other).results
    assert "isolate 1" in doubts(found)["AMP"]
    assert found[2].specimen.sample_id == "K-2002"


def test_a_result_of_no_isolate_stays_as_it_is() -> None:
    """A Gram stain beside the culture."""
    (found,) = read("OBR|1|K-1|K-1|GRAM", "OBX|1|ST|GRAM||gram negative rods||||||F").results
    assert (found.isolate, found.parent, found.result_group) == (None, None, "")


def test_a_driver_that_reads_no_cultures_doubts_what_follows_from_another_result() -> None:
    """Never an antibiotic on its own because nobody thought of cultures."""
    without = driver().profile.model_copy(update={"culture": None})
    (found,) = read(*susceptibilities("ORGANISM^1^ECO", "AMP|1|<=^2|S"), of=without).results
    assert found.isolate is not None
    assert "does not read cultures" in found.isolate.doubt


def test_paths_of_a_culture_are_checked_when_the_driver_is_made() -> None:
    """A slip in a profile is found before the first result."""
    with pytest.raises(DriverError, match="culture"):
        PROTOCOL.make_driver(profile(isolate="PID-3"))


def test_the_generic_driver_reads_cultures_by_the_parent_result() -> None:
    """OBX-4 is a run elsewhere; only what follows from a result, and what names an organism, is of an isolate."""
    found = results(
        *GROWTH,
        *susceptibilities("ORGANISM^2^EFA", "AMP|2|<=^2|S"),
        *susceptibilities("ORGANISM^1^ECO", "AMP|1|>=^32|R"),
        "OBR|4|K-2001|K-2001|CHEM",
        "OBX|1|NM|GLU|2|5.4|mmol/L||R|||F",
    )
    assert bound(found)[2:] == [("AMP", "2", EFA, 5), ("AMP", "1", ECOLI, 4), ("GLU", "", "", 0)]
    assert [one.run for one in found] == [1, 1, 1, 1, 2]
    assert found[-1].instrument_flags == ("R",)


def test_a_single_organism_needs_no_number() -> None:
    """A culture with one growth and no susceptibilities yet."""
    (found,) = results("OBR|1|K-1|K-1|CULT", "OBX|1|CE|600-7^Bacteria^LN||ECO^E. coli||||||F")
    assert found.isolate is not None
    assert (found.isolate.organism, found.isolate.doubt) == ("E. coli", "")
