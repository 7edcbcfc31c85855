"""`labwire qc`: a site on disk with one test under quality control, from the first control value to the look-back."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import mean

import pytest

from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import process
from middleware.review.quality_file import PatientsTable
from middleware.settings.build import build_setup
from middleware.settings.faults import read_model
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from middleware.store import setups
from middleware.store.engine import database_url, open_engine
from tests.kit.cli_site import RECEIVED_AT, CliSite, command
from tests.kit.made_qc import BAD, control, measured
from tests.kit.made_setups import decoded, journaled, made_result

pytestmark = pytest.mark.slow  # each opens a store on disk

QC = """\
[[material]]
id = "multi"
[[lot]]
material = "multi"
lot = "L77"
level = "1"
[[control]]
lot = "L77"
level = "1"
line = "chem-1"
test = "GLU"
unit = "mmol/L"
mean = 5.0
sd = 0.2
"""


class QcSite(CliSite):
    """A site whose settings name a file of quality control."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "qc.toml").write_text(QC, encoding="utf-8")
        with self.settings.open("a", encoding="utf-8") as file:
            file.write('\n[qc]\nfile = "qc.toml"\n')

    def send(self, minute: float, *sent) -> None:

        found = installed_for(self.settings)
        setup = build_setup(load(self.settings), found.catalogue, found.connectors, 1)
        engine = open_engine(database_url(self.data_dir, None))
        at = RECEIVED_AT + 60 * minute
        with engine.begin() as conn:
            setup = replace(setup, generation=setups.in_force(conn).generation)
            text = f"H|{minute}\r".encode()
            message: Decoded = decoded(journaled(conn, text=text, received_at=at), *sent)
            process(conn, [Preparation(setup).prepare(message)], setup, at + 1)
        engine.dispose()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[QcSite]:
    made = QcSite(tmp_path)
    made.send(0, control("1", 0))
    made.send(1, made_result("S1", measured=measured(1)))
    made.send(2, control("1", 2, BAD["1"]))
    made.send(3, made_result("S2", measured=measured(3)))
    yield made
    made.close()


def test_the_way_through_a_failure(site: QcSite) -> None:
    (gate,) = site.run("qc", "list", "--json").items
    assert (gate["test"], gate["status"], gate["rules"]) == ("GLU", "failed", ["1-2s", "1-3s"])
    assert "S1" in site.run("qc", "lookback").out
    assert "to look at again" in site.run("status").out
    assert "Quality control of GLU" in site.run("results", "show", "4").out
    assert "+4.50" in site.run("qc", "show", "1").out
    told = ("qc", "clear", "1", "--cause", "bubble", "--action", "primed", "--as", "ada")
    assert "Cleared: 1." in site.run(*told).out
    assert "ada (clear): bubble: primed" in site.run("qc", "show", "1").out
    seen = site.run("qc", "lookback", "--seen", "2", "--reason", "measured again")
    assert "Seen: 2." in seen.out
    assert "No released result" in site.run("qc", "lookback").out


def test_a_chart_has_points_lines_and_events(site: QcSite) -> None:
    site.run("qc", "clear", "1", "--cause", "bubble", "--action", "primed")
    drawn = site.run("qc", "chart", "1", "--level", "1").out
    assert "Lot L77: mean 5, SD 0.2" in drawn
    assert "clearing: primed" in drawn
    made = json.loads(site.run("qc", "chart", "1", "--level", "1", "--json").out)
    (segment,) = made["items"]
    assert [point["z"] for point in segment["points"]] == ["0.25", "4.5"]
    assert segment["lines"][0] == "4.4"
    assert [one["kind"] for one in made["events"]] == ["clearing"]


def test_peers_get_accepted_values_alone(site: QcSite) -> None:
    site.send(4, control("1", 4, "5.15"))
    header, row = site.run("qc", "export").out.splitlines()
    assert header.startswith("material,lot,level,test,unit,n,mean")
    assert row.startswith("multi,L77,1,GLU,mmol/L,2,5.1,")


def test_a_value_is_left_out_and_an_unknown_one_is_listed(site: QcSite) -> None:
    assert "Excluded: 2." in site.run("qc", "exclude", "2", "--reason", "wrong bottle").out
    assert "wrong bottle" in site.run("qc", "show", "1").out
    site.send(5, control("1", 5, material={"lot": "L99"}))
    assert "L99" in site.run("qc", "list", "--unknown").out
    assert "No run is overdue." in site.run("qc", "overdue").out


def test_settings_for_patients_results_are_tried_on_the_stores_own(site: QcSite) -> None:
    few = site.run("qc", "patients", "simulate", "chem-1", "GLU", "--unit", "mmol/L")
    assert (few.status, "too few" in few.err) == (1, True)
    values = [made_result(f"P{at}", value=f"{5 + (at * 7 % 11 - 5) / 50:.2f}") for at in range(700)]
    site.send(9, *values)
    words = ("qc", "patients", "simulate", "chem-1", "GLU", "--unit", "mmol/L", "--shift", "5")
    said = site.run(*words)
    assert "[[patients]]" in said.out
    assert 'method = "' in said.out
    made = json.loads(site.run(*words, "--json").out)
    assert len(made["items"]) == 18
    stored = [result.value.number for result in values] + [Decimal("5.4")] * 2
    assert Decimal(made["proposed"]["target"]) == round(mean(stored), 6)
    written = said.out[said.out.index("[[patients]]") :]
    table = tomllib.loads(written)["patients"][0]
    assert read_model(PatientsTable, table)[1] == []


def test_an_alarm_is_listed_and_cleared(site: QcSite) -> None:
    table = '[[patients]]\nline = "chem-1"\ntest = "NA"\nmethod = "mean"\nsize = 2\ntarget = 140\n'
    table += 'limits = "percent"\nwidth = 5\n'
    with (site.settings.parent / "qc.toml").open("a", encoding="utf-8") as file:
        file.write(table)
    site.run("qc", "changed", "1", "--what", "the new file comes into force")
    site.send(9, *(made_result(f"P{at}", test="NA", value="160") for at in range(2)))
    (one,) = site.run("qc", "patients", "list", "--json").items
    assert (one["status"], one["statistic"]) == ("alarm", "160")
    told = ("qc", "patients", "clear", "1", "--cause", "electrode", "--action", "replaced")
    assert "Cleared: 1." in site.run(*told).out
    assert "starting" in site.run("qc", "patients", "list").out


def test_what_cannot_be_done_is_said(site: QcSite) -> None:
    refused = site.run("qc", "status", "chem-1", "GLU", "good")
    assert (refused.status, "mode is not external" in refused.err) == (1, True)
    assert "Changed: 1." in site.run("qc", "changed", "1", "--what", "calibrated").out


def test_without_quality_control_it_says_so(tmp_path: Path) -> None:
    plain = CliSite(tmp_path)
    refused = plain.run("qc", "list")
    assert (refused.status, "no quality control" in refused.err) == (1, True)
    plain.close()
    assert command("qc", "--help").status == 0
