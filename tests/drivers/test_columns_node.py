"""Every recorded export file, dropped into the folder of its analyzer's line of a running node: what it comes to.

Run with `-s` to see the table. The corpus is not part of the project: without it this test skips by name.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.kit.node_process import NodeProcess
from tests.kit.plain_lis import PlainLis
from tests.kit.recordings import recordings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Expected(NamedTuple):
    """Driver; state of the message; results sent, held by reasons, and of no patient; words of the refusal."""

    driver: str = "generic_csv"
    state: str = "processed"
    sent: int = 0
    held: Mapping[str, int] = MappingProxyType({})
    not_for_lis: int = 0
    refusal: str = ""


UNREADABLE = Expected(state="unreadable", refusal="no row of the file holds the headings")
EXPECTED: dict[str, Expected] = {
    "oe-plugins__cobas_c111_export": Expected(
        "roche_cobas_c111_export", sent=3, held={"instrument_flags": 1}
    ),
    # Codes of the analyzer stand beside every result.
    "oe-plugins__facscalibur": Expected(
        "bd_facscalibur", held={"instrument_flags": 60}, not_for_lis=10
    ),
    "oe-plugins__quantstudio3": Expected(
        "thermo_quantstudio_3", held={"instrument_flags not_for_reporting": 1}
    ),
    "openelis2__tecan_f50": Expected("tecan_infinite_f50", sent=2, not_for_lis=2),
    "senaite.core__qubit": Expected("thermo_qubit", sent=3, held={"instrument_flags": 1}),
    "senaite.core__sysmex_xs500i": Expected(
        "sysmex_xs_500i",
        held={"doubtful_sample_id": 32, "doubtful_sample_id unexplained_value": 2},
    ),
    "senaite.core__taqman_resultdata": Expected("roche_taqman_rsf", held={"not_for_reporting": 1}),
    "senaite.core__thermo_gallery": Expected(
        "thermo_gallery",
        sent=11,
        held={
            "instrument_flags several_runs": 10,
            "instrument_flags several_runs unknown_status": 8,
        },
        not_for_lis=15,
    ),
    "senaite.core__vetscan_vs2": Expected("abaxis_vetscan_vs2", sent=14),
    # No tables: an XML report, and segments of several kinds.
    "senaite.core__nuclisens_easyq": UNREADABLE,
    "senaite.core__pima_beads": Expected("abbott_pima", not_for_lis=22),
    "senaite.core__sysmex_xt4000i_ascii": UNREADABLE,
}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder for each driver that the table names."""
    for driver in _drivers():
        (tmp_path / driver).mkdir()
    return tmp_path


def _drivers() -> list[str]:
    return sorted({one.driver for one in EXPECTED.values()})


def _settings() -> str:
    return "\n".join(
        f'[[line]]\nid = "{driver.replace("_", "-")}"\ndriver = "{driver}"\nrelease = "auto"\n'
        f'transport = {{ type = "file_drop", folder = "{driver}", ready = "at_once", poll_s = 0.1 }}\n'
        for driver in _drivers()
    )


def _messages(node: NodeProcess, count: int) -> dict[str, dict[str, Any]]:
    """The messages by the name of their file, when all of them are dealt with."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(0.1)
        if any(path.is_file() for one in _drivers() for path in (node.folder / one).iterdir()):
            continue
        found = node.listing("messages", "list", "--limit", "100")
        if len(found) >= count and not any(one["state"] == "received" for one in found):
            return {one["file_name"]: one for one in found}
    raise AssertionError(f"the files were not taken: {node.log.read_text()[-3000:]}")


def _outcome(driver: str, message: Mapping[str, Any], results: list[dict[str, Any]]) -> Expected:
    states = Counter(str(one["release_state"]) for one in results)
    held: Counter[str] = Counter()
    for result in results:
        if result["release_state"] == "held":
            findings = result.get("findings") or []
            found = json.loads(findings) if isinstance(findings, str) else findings
            held[" ".join(sorted({str(one["code"]) for one in found}))] += 1
    reason = str(message["reason"] or "")
    expected = EXPECTED[Path(message["file_name"]).stem]
    return Expected(
        driver,
        str(message["state"]),
        states["released"],
        dict(held),
        states["not_for_lis"],
        expected.refusal if expected.refusal in reason else reason,
    )


def test_every_export_file_is_kept_and_its_results_sent_or_held_with_a_reason(
    folders: Path,
) -> None:
    """Real files: nothing valid is lost, no control is sent, and what cannot be read says why."""
    dropped = recordings("file")
    lis = PlainLis().start()
    node = NodeProcess(folders, [], lis.port, extra=_settings())
    for one in dropped:
        (folders / EXPECTED[one.name].driver / f"{one.name}.x").write_bytes(one.data)
    node.start()
    try:
        messages = _messages(node, len(dropped))
        results = node.listing("results", "list", "--limit", "1000")
        wanted = sum(one.sent for one in EXPECTED.values())
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
    finally:
        node.stop()
        lis.stop()
    wrong = []
    print("\n| file | driver | state | sent | held | not for the LIS | refusal |")
    for one in dropped:
        message, expected = messages[f"{one.name}.x"], EXPECTED[one.name]
        own = [result for result in results if result["journal_id"] == message["id"]]
        outcome = _outcome(expected.driver, message, own)
        print("|", one.name, "|", " | ".join(map(str, outcome)), "|")
        if outcome != expected:
            wrong.append(f"{one.name}: {outcome}, expected {expected}")
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted
