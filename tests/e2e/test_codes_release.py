"""A whole node: a test without a code is held, and once mapped its result reaches the LIS exactly once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import PlainAnalyzer, frames, result_records
from tests.kit.plain_lis import PlainLis

pytestmark = pytest.mark.slow

FIRST = "test_code,unit,lis_code,lis_name,loinc\nT01,mmol/L,GLUC,Glucose,14749-6\n"
MENDED = FIRST + "T02,mmol/L,SOD,Sodium,2951-2\n"


def test_an_unmapped_result_reaches_the_lis_exactly_once_when_it_is_mapped(tmp_path: Path) -> None:
    """Held, shown, mapped, released: the analyzer sends nothing a second time."""
    lis = PlainLis().start()
    table = tmp_path / "codes.csv"
    table.write_text(FIRST, encoding="utf-8")
    port = free_port()
    site = NodeProcess(
        tmp_path,
        [("chem-1", "generic_astm", port)],
        lis.port,
        extra='[codes]\ntable = "codes.csv"\n',
    )
    try:
        site.start()
        analyzer = PlainAnalyzer(port)
        analyzer.send(frames(result_records("26030401", tests=2)))
        analyzer.close()
        assert lis.wait_for(lambda arrived: len(arrived) == 1)
        (unmapped,) = site.listing("codes", "unmapped")
        assert (unmapped["test_code"], unmapped["count"]) == ("T02", 1)
        refused = site.command("results", "release", str(unmapped["newest"]))
        assert (refused.returncode, "has no row for the test T02" in refused.stderr) == (1, True)

        assert site.stop() == 0
        table.write_text(MENDED, encoding="utf-8")
        site.start()
        first, second = (site.command("codes", "release", "--json") for _ in range(2))
        assert len(json.loads(first.stdout)["items"]) == 1
        assert json.loads(second.stdout)["items"] == []
        assert lis.wait_for(lambda arrived: len(arrived) == 2)
        assert site.listing("codes", "unmapped") == []
        assert site.stop() == 0
    finally:
        if site.process is not None and site.process.poll() is None:
            site.kill()
        lis.stop()
    sent = [one.observations() for one in lis.arrivals]
    assert [[obx[3] for obx in message] for message in sent] == [
        ["GLUC^Glucose^L^14749-6^^LN"],
        ["SOD^Sodium^L^2951-2^^LN"],
    ]
    assert {one.sample_id for one in lis.arrivals} == {"26030401"}
