"""The emulated HL7 analyzer: its messages are read as it meant them, and a node takes them over a bad line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulators.hl7_analyzer import Hl7Speech, MessageForm
from emulators.oracle import judge, read_arrivals, read_obligations
from emulators.scenario import LinkChoices
from emulators.specimens import SpecimenSource
from middleware.driver.api import DecodeContext
from middleware.model import MessageKind, SampleRole
from middleware.wire.mllp import MllpLink
from tests.kit.hl7_messages import driver
from tests.kit.node_process import NodeProcess, free_port

MEASURED = datetime(2026, 3, 14, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("form", list(MessageForm))
def test_a_message_is_read_as_the_analyzer_meant_it(form: MessageForm) -> None:
    """Every value of the specimen under its sample id and patient."""
    source = SpecimenSource(7, "A-")
    specimen, control = source.specimen("chem"), source.control("count")
    speech = Hl7Speech(form)
    envelope = driver().decode(speech.results("HX-1", specimen, MEASURED), DecodeContext())
    assert {one.test_code: one.value.raw for one in envelope.results} == specimen.values()
    assert {one.specimen.sample_id for one in envelope.results} == {specimen.sample_id}
    assert (envelope.analyzer, envelope.message_control_id) == ("HX-1", "1")
    text = speech.results("HX-1", control, MEASURED)
    roles = {one.specimen.role for one in driver().decode(text, DecodeContext()).results}
    assert (roles, driver().kind(text)) == ({SampleRole.QC}, MessageKind.QC)


def test_a_query_is_one() -> None:
    """It is journaled as a query."""
    assert driver().kind(Hl7Speech().query("HX-1", "A-1", MEASURED)) is MessageKind.QUERY


@pytest.mark.parametrize(
    ("code", "is_taken"), [("AA", True), ("CA", True), ("AE", False), ("AR", False), ("CE", False)]
)
def test_only_an_accepting_reply_makes_a_message_the_hosts(code: str, is_taken: bool) -> None:
    """Until then the analyzer keeps its result."""
    reply = f"MSH|^~\\&|||||||ACK|1|P|2.3.1\rMSA|{code}|7\r".encode()
    assert Hl7Speech().is_taken(reply) is is_taken


def test_it_waits_for_an_acknowledgement_as_long_as_the_scenario_says() -> None:
    """The scenario's own timer."""
    link = Hl7Speech().make_link(LinkChoices(frame_reply_s=2))
    assert isinstance(link, MllpLink)
    link.connection_made(0.0)
    link.send_message(Hl7Speech().query("HX-1", "A-1", MEASURED), 1.0)
    assert link.next_deadline() == 3.0


SCENARIO = """
title = "Everything that goes wrong"
repeats = true
step = [{ do = "results", count = 4, panel = "immuno" }, { do = "qc" }, { do = "query" }]
link = { frame_reply_s = 0.3 }
faults = { repeated_frame = 0.1, lost_ack = 0.1, split_writes = 0.2, hang_up = 0.05 }
"""


def _emulate(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulators", *arguments, "--quiet"],
        stdout=subprocess.DEVNULL,
        env=os.environ,
    )


@pytest.mark.e2e
@pytest.mark.slow
def test_over_an_unreliable_line_every_acknowledged_result_arrives_once(tmp_path: Path) -> None:
    """Hang-ups, lost acknowledgements, blocks in halves: both forms into one node, judged by the oracle."""
    (tmp_path / "faulty.toml").write_text(SCENARIO)
    lis_port, ports = free_port(), [free_port(), free_port()]
    arrivals = tmp_path / "came.jsonl"
    lis = _emulate("lis", "--listen", f"127.0.0.1:{lis_port}", "--arrivals", str(arrivals))
    node = NodeProcess(
        tmp_path, [(f"line-{n}", "generic_hl7", port) for n, port in enumerate(ports)], lis_port
    ).start()
    owed = [tmp_path / f"owed-{n}.jsonl" for n in range(2)]
    try:
        analyzers = [
            _emulate(
                "hl7", f"HX-{n}", "--tcp", f"127.0.0.1:{port}", "--message", form, "--count", "14",
                "--scenario", str(tmp_path / "faulty.toml"), "--seed", str(n), "--prefix", f"E{n}-",
                "--every-s", "0", "--obligations", str(owed[n]),
            )
            for n, (port, form) in enumerate(zip(ports, ("oru", "oul"), strict=True))
        ]  # fmt: skip
        assert [one.wait(timeout=60) for one in analyzers] == [0, 0]
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = judge(
                [o for path in owed for o in read_obligations(path)], read_arrivals(arrivals)
            )
            if found.is_good:
                break
            time.sleep(0.2)
        assert found.is_good, "\n".join(found.lines())
    finally:
        node.stop()
        lis.send_signal(signal.SIGTERM)
        lis.wait(timeout=10)
