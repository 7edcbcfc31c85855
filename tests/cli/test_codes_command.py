"""`labwire codes`: what a person sees of the tables, and how results that waited for a row are let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.settings.build import build_setup
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from tests.kit.cli_site import CliSite

pytestmark = pytest.mark.slow  # each opens a store on disk

TABLE = "test_code,unit,lis_code,lis_name,lis_unit,note\nT01,mmol/L,GLUC,Glucose,umol/L,\n"


def write_table(site: CliSite, text: str) -> None:
    """The line's table, and the setup that follows from it."""
    (site.settings.parent / "chem.csv").write_text(text, encoding="utf-8")
    said = site.settings.read_text(encoding="utf-8")
    if "codes =" not in said:
        line = 'driver = "generic_astm"\n'
        site.settings.write_text(
            said.replace(line, line + 'codes = "chem.csv"\n'), encoding="utf-8"
        )
    installed = installed_for(site.settings)
    site.setup = build_setup(load(site.settings), installed.catalogue, installed.connectors, 1)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    write_table(made, TABLE)
    yield made
    made.close()


def test_the_rows_are_listed_with_the_factor_that_was_derived(site: CliSite) -> None:
    """Nobody has to trust a factor unseen."""
    said = site.run("codes", "list", "--line", "chem-1", "--json")
    assert [(one["test_code"], one["factor"]) for one in said.items] == [("T01", "1000")]
    assert "GLUC" in site.run("codes", "list").out


def test_a_line_without_a_table_is_told(site: CliSite) -> None:
    """With the key to write."""
    said = site.run("codes", "list", "--line", "haem-1")
    assert (said.status, "codes =" in said.err) == (1, True)


def test_check_tells_every_mistake_with_its_place(site: CliSite) -> None:
    """The file, the line and the column, as an editor opens them."""
    path = site.settings.parent / "chem.csv"
    path.write_text("test_code,loinc\nGLU,2345-8\n", encoding="utf-8")
    said = site.run("codes", "check")
    assert said.status == 1
    assert f"{path}:2: loinc" in said.out
    assert site.run("check").status == 1


def test_check_of_a_good_table_says_for_whom(site: CliSite) -> None:
    """Good: exit status 0."""
    said = site.run("codes", "check")
    assert (said.status, "1 rows, for chem-1" in said.out) == (0, True)


def test_an_unmapped_code_is_shown_once_and_its_results_are_released(site: CliSite) -> None:
    """From the first look to the LIS, without a word to the analyzer."""
    site.receive("A1001")
    site.receive("A1002")
    (waiting,) = site.run("codes", "unmapped", "--json").items
    assert (waiting["test_code"], waiting["count"]) == ("T02", 2)
    assert "has no row for the test T02" in waiting["why"]
    write_table(site, TABLE + "T02,mmol/L,SOD,Sodium,,\n")
    assert "has a row now" in site.run("codes", "unmapped").out
    said = site.run("codes", "release", "--reason", "mapped", "--as", "B. Brandt")
    assert (said.status, "Released: 2, in 2 messages" in said.out) == (0, True)
    assert site.run("codes", "unmapped").out == "No result waits for a code.\n"
    assert "Released: 0, in 0 messages" in site.run("codes", "release").out
    assert len(site.run("outbox", "list", "--json").items) == 4


def test_a_result_is_shown_as_measured_and_as_sent(site: CliSite) -> None:
    """Both values, and the row of the table that made one of the other."""
    site.receive("A1001", tests=1)
    said = site.run("results", "show", "1").out
    assert "reported_unit" in said
    assert "umol/L" in said
    assert "mmol/L" in said
    assert "chem.csv@" in said


CATALOGUE = "Vendor Analyte Code,LOINC Code,LOINC Long Name\nT01,14749-6,Deprecated Glucose\nT09,2345-7,Glucose\n"


def test_a_catalogue_becomes_proposals_beside_the_table(site: CliSite, tmp_path: Path) -> None:
    """The table is not touched; what is withdrawn is warned of; work in progress is not overwritten."""
    file = tmp_path / "livd.csv"
    file.write_text(CATALOGUE, encoding="utf-8")
    said = site.run("codes", "import", str(file), "--line", "chem-1")
    assert said.status == 0
    assert "1 adds_loinc, 1 new" in said.out
    assert "is deprecated" in said.err
    assert (tmp_path / "chem.csv").read_text(encoding="utf-8") == TABLE
    assert "T09" in (tmp_path / "chem.proposed.csv").read_text(encoding="utf-8")
    again = site.run("codes", "import", str(file), "--line", "chem-1")
    assert (again.status, "is there already" in again.err) == (1, True)


def test_a_file_that_is_no_catalogue_is_told(site: CliSite) -> None:
    """The settings file, for example."""
    said = site.run("codes", "import", str(site.settings), "--line", "chem-1")
    assert (said.status, "no LIVD catalogue" in said.err) == (1, True)


def test_a_relays_comparison_speaks_the_codes_of_the_lis(site: CliSite, tmp_path: Path) -> None:
    """Before the change: does the table make of what we heard what the LIS has filed?"""
    number = site.receive("A1001", tests=1)
    (result,) = site.run("results", "list", "--message", str(number), "--json").items
    assert (result["lis_code"], result["reported_unit"]) == ("GLUC", "umol/L")
    extract = tmp_path / "filed.csv"
    value = result["reported_value"]
    extract.write_text(
        f"sample_id,test_code,value,unit\nA1001,GLUC,{value},umol/L\n", encoding="utf-8"
    )
    said = site.run("relay", "compare", "chem-1", "--extract", str(extract), "--json")
    assert (said.status, [one["likeness"] for one in said.items]) == (0, ["same"])
