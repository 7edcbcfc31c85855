"""Every recorded file of ASTM records, dropped into the folder of a line of a running node: what it comes to.

The table of the outcome is printed. The corpus is not part of the project: without it these tests skip by name.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.kit.node_process import NodeProcess
from tests.kit.plain_lis import PlainLis
from tests.kit.recordings import Recording, recordings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NO_OUT_FOLDER = "no file could be written for the analyzer; answers need the line's `out_folder`"


@dataclass(frozen=True)
class Expected:
    """What a file must come to: driver, state of the message, results by what becomes of them, reasons of the held."""

    driver: str = "generic_astm"
    state: str = "processed"
    delivered: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    duplicate: int = 0
    reason: str = ""


EXPECTED: dict[str, Expected] = {
    # What a LIS answered: an order and no result.
    "astm1394__centaurxp_order1": Expected("siemens_advia_centaur"),
    # Host queries are journaled and shown as not answered until orders come.
    # Answers are files too, and this line has no folder for them.
    "astm1394__centaurxp_query1": Expected(
        "siemens_advia_centaur", "not_answered", reason=NO_OUT_FOLDER
    ),
    "astm1394__centaurxp_result1": Expected("siemens_advia_centaur", delivered=3),
    # One id has text behind it that no tube carries.
    "go-astm__euroimmun_analyzer1": Expected(
        "euroimmun_analyzer_1", delivered=19, held={"sample_id_pattern": 1}
    ),
    # The whole blood group in one field, with a status that says partial.
    "go-astm__ihcom_bloodtype": Expected(
        "biorad_ih_com", delivered=3, held={"partial unexplained_value": 1}
    ),
    # The same result in two messages of one file: a person chooses.
    "lab_lis__selectra_prom": Expected(
        "elitech_selectra_prom", delivered=4, held={"several_runs": 2}
    ),
    # Of 1995.
    "levinalex-lis__immulite_results": Expected(
        "siemens_immulite", held={"measured_time_implausible": 9}
    ),
    # A run that failed, of a specimen that is called Error.
    "oe-analyzer-bridge__genexpert_hivvl_error": Expected(
        "cepheid_genexpert",
        held={"placeholder_sample_id": 6, "placeholder_sample_id unexplained_value": 8},
    ),
    # A flag of the analyzer's own that no document at hand explains.
    "tgenaux-astm-lis__ortho_vision": Expected("ortho_vision", held={"instrument_flags": 2}),
}


NO_HEADER = (
    "the file does not begin with a header record (line 1 of the file) (LIS02-A2 5.1) "
    "Look at the file; the driver does not fit it, or it is not whole."
)
# What the generic driver makes of them: it delivers what the standard explains, and holds or refuses the rest.
GENERIC: dict[str, Expected] = {
    "astm1394__centaurxp_order1": Expected(),
    "astm1394__centaurxp_query1": Expected(state="not_answered", reason=NO_OUT_FOLDER),
    "astm1394__centaurxp_result1": Expected(delivered=3),
    # The specimen stands where the patient does.
    "go-astm__euroimmun_analyzer1": Expected(
        held={"no_sample_id several_runs unexplained_value": 11, "no_sample_id several_runs": 9}
    ),
    "go-astm__ihcom_bloodtype": Expected(delivered=3, held={"partial unexplained_value": 1}),
    "lab_lis__selectra_prom": Expected(state="unreadable", reason=NO_HEADER),
    "levinalex-lis__immulite_results": Expected(state="unreadable", reason=NO_HEADER),
    "oe-analyzer-bridge__genexpert_hivvl_error": Expected(
        held={"placeholder_sample_id unexplained_value": 14}
    ),
    "tgenaux-astm-lis__ortho_vision": Expected(state="unreadable", reason=NO_HEADER),
}
TABLES = {"their own drivers": EXPECTED, "generic_astm": GENERIC}


def _settings(folder: Path, drivers: list[str]) -> str:
    parts = []
    for driver in drivers:
        inbox = folder / driver
        inbox.mkdir()
        parts.append(
            f'[[line]]\nid = "{driver.replace("_", "-")}"\ndriver = "{driver}"\nrelease = "auto"\n'
            "sample_id_pattern = '[A-Za-z0-9-]+'\n"
            f'transport = {{ type = "file_drop", folder = "{driver}", ready = "at_once", poll_s = 0.1 }}\n'
        )
    return "\n".join(parts)


def _journal(node: NodeProcess, query: str) -> list[tuple[Any, ...]]:
    path = node.folder / node.data_dir / "labwire.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return list(store.execute(query))


def _wait_until_taken(node: NodeProcess, inboxes: list[Path], count: int) -> None:
    until = time.monotonic() + 30
    database = node.folder / node.data_dir / "labwire.sqlite3"
    while time.monotonic() < until:
        time.sleep(0.05)
        if any(path.is_file() for inbox in inboxes for path in inbox.iterdir()):
            continue
        if not database.exists():
            continue
        rows = _journal(node, "SELECT state FROM journal")
        if len(rows) >= count and not any(state == "received" for (state,) in rows):
            return
    raise AssertionError(f"the files were not taken: {node.log.read_text()[-3000:]}")


@pytest.mark.parametrize("by", TABLES)
def test_every_recorded_file_is_kept_and_its_results_delivered_or_held_with_a_reason(
    by: str, tmp_path: Path
) -> None:
    """Real files: nothing valid is lost, and what cannot be read says why."""
    dropped = recordings("astm-records")
    table = TABLES[by]
    drivers = sorted({_expected(one, table).driver for one in dropped})
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, [], lis.port, extra=_settings(tmp_path, drivers))
    for one in dropped:
        (tmp_path / _expected(one, table).driver / f"{one.name}.txt").write_bytes(one.data)
    node.start()
    try:
        _wait_until_taken(node, [tmp_path / driver for driver in drivers], len(dropped))
        wanted = sum(_expected(one, table).delivered for one in dropped)
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
        messages = {m["file_name"]: m for m in node.listing("messages", "list", "--limit", "100")}
        results = node.listing("results", "list", "--limit", "1000")
    finally:
        node.stop()
        lis.stop()
    print(f"\n{by}\n| file | driver | state | results | outcome |\n| --- | --- | --- | --- | --- |")
    wrong = []
    for one in dropped:
        message = messages[f"{one.name}.txt"]
        own = [result for result in results if result["journal_id"] == message["id"]]
        outcome = _outcome(_expected(one, table).driver, message, own)
        print(f"| {one.name} | {outcome.driver} | {outcome.state} | {len(own)} | {outcome} |")
        if outcome != _expected(one, table):
            wrong.append(f"{one.name}: {outcome}, expected {_expected(one, table)}")
        kept = list((tmp_path / outcome.driver / "processed").rglob(f"{one.name}.txt"))
        assert [path.read_bytes() for path in kept] == [one.data], "the file is kept as it came"
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted, f"{arrived} results reached the LIS, expected {wanted}"


def _expected(one: Recording, table: Mapping[str, Expected]) -> Expected:
    return table.get(one.name, Expected())


def _outcome(driver: str, message: Mapping[str, Any], results: list[dict[str, Any]]) -> Expected:
    states = Counter(str(one["release_state"]) for one in results)
    held: Counter[str] = Counter()
    for result in results:
        if result["release_state"] == "held":
            findings = result.get("findings") or []
            found = json.loads(findings) if isinstance(findings, str) else findings
            held[" ".join(sorted({str(finding["code"]) for finding in found}))] += 1
    return Expected(
        driver,
        str(message["state"]),
        states["released"],
        dict(held),
        states["duplicate"],
        str(message["reason"] or ""),
    )
