"""`labwire patients`, `prior` and `orders relabel`: what a person sees and does; refused whole or done whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from middleware.model import Identifier, Patient, PatientAction, PatientChange
from middleware.pipeline import changed
from middleware.pipeline.changed import Occasion
from middleware.store import patient_updates
from middleware.store.connection import Connection
from middleware.store.engine import database_url, open_engine
from middleware.store.schema import PRIOR_RESULTS
from tests.kit.cli_site import RECEIVED_AT, CliSite
from tests.kit.orders import apply, patient, request

HEAD = "patient_id,authority,lis_code,value,unit,measured_at\n"
GOOD = "P1,HOSP,GLU,5.40,mmol/L,2031-03-01T08:00:00+01:00\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    yield made
    made.close()


def do(site: CliSite, job: Any) -> Any:
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        answer = job(conn)
    engine.dispose()
    return answer


def changed_birth_date(conn: Connection) -> None:
    who = Patient(identifiers=(Identifier(id="P1", authority="HOSP"),), birth_date="19800101")
    change = PatientChange(action=PatientAction.UPDATE, patient=who)
    touched = patient_updates.apply(conn, change, "", RECEIVED_AT + 60)
    assert touched is not None
    occasion = Occasion("lis", RECEIVED_AT + 60, "said by the LIS", 7)
    changed.look_again(conn, touched.kind, touched.specimen_ids, occasion)


def with_order_and_result(site: CliSite) -> None:
    order = request("S1001", "GLU", patient=patient("P1"))
    do(site, lambda conn: apply(conn, order, now=RECEIVED_AT - 60, source=""))
    site.receive("S1001")


def test_a_change_is_listed_and_leaves_the_list_when_it_was_seen(site: CliSite) -> None:
    with_order_and_result(site)
    do(site, changed_birth_date)
    (row,) = site.run("patients", "changes", "--json").items
    assert (row["sample_id"], row["kind"], row["held"]) == ("S1001", "patient_changed", [1, 2])
    assert "S1001" in site.run("patients", "changes").out
    assert "Seen: 1" in site.run("patients", "seen", "1", "--as", "ann").out
    assert "No such changes" in site.run("patients", "changes").out
    assert site.run("patients", "changes", "--all", "--json").items[0]["seen_by"] == "ann"
    assert site.run("patients", "seen", "1").status == 1


def test_a_tube_is_relabelled_and_its_results_are_held_again(site: CliSite) -> None:
    with_order_and_result(site)
    said = site.run("orders", "relabel", "S1001", "S2002", "--reason", "label torn")
    assert "S1001 is S2002 now" in said.out
    assert "Held again: results 1, 2" in said.out
    assert site.run("orders", "show", "S2002").status == 0
    assert site.run("orders", "relabel", "S1001", "S3", "--reason", "again").status == 1
    assert site.run("orders", "relabel", "S2002", "NOREAD", "--reason", "x").status == 1


def load(site: CliSite, text: str, *more: str) -> Any:
    file = site.data_dir.parent / "earlier.csv"
    file.write_text(text, encoding="utf-8")
    return site.run("prior", "load", str(file), "--source", "old LIS", *more)


def kept(site: CliSite) -> list[tuple[str, str]]:
    query = select(PRIOR_RESULTS.c.value_number, PRIOR_RESULTS.c.source)
    return do(site, lambda conn: [tuple(row) for row in conn.execute(query)])


def test_earlier_results_are_loaded_once(site: CliSite) -> None:
    assert "Loaded 1 results; 0 were known" in load(site, HEAD + GOOD).out
    assert "Loaded 0 results; 1 were known" in load(site, HEAD + GOOD).out
    assert kept(site) == [("5.40", "old LIS: earlier.csv")]


def test_one_bad_line_keeps_the_whole_file_out(site: CliSite) -> None:
    text = HEAD + GOOD + "P2,HOSP,GLU,,mmol/L,2031-03-01T08:00:00Z\n"
    said = load(site, text)
    assert said.status == 1
    assert "line 3: value is empty" in said.out
    assert kept(site) == []
    assert "Needed: patient_id" in load(site, HEAD.replace("unit", "colour")).err
    assert "1 bad lines were left out" in load(site, text, "--skip-bad").out
    assert len(kept(site)) == 1


def test_a_dry_run_loads_nothing(site: CliSite) -> None:
    assert (
        "1 good lines, 0 bad ones. Nothing was loaded." in load(site, HEAD + GOOD, "--dry-run").out
    )
    assert kept(site) == []
