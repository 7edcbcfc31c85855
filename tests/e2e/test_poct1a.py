"""A whole node and emulated point-of-care analyzers: every acknowledged result arrives once, controls stay."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emulators.oracle import read_obligations
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_lis import PlainLis
from tests.kit.poct1a_texts import hello, observation, status

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def _emulate(port: int, obligations: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulators", "poct1a", "POC-7", "--tcp", f"127.0.0.1:{port}"]
    command += ["--obligations", str(obligations), "--prefix", "E2E-", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "link", ["", "link = { continuous = true }\n"], ids=["basic", "continuous"]
)
def test_what_an_analyzer_was_told_is_stored_reaches_the_lis_once(
    tmp_path: Path, link: str
) -> None:
    """Twelve messages in both ways to converse: eleven specimens arrive, the control stays."""
    port = free_port()
    lis = PlainLis().start()
    extra = (
        '[[line]]\nid = "poc"\ndriver = "generic_poct1a"\nrelease = "auto"\n'
        f'transport = {{ type = "tcp_listen", host = "127.0.0.1", port = {port} }}\n{link}'
    )
    node = NodeProcess(tmp_path, [("chem", "generic_astm", free_port())], lis.port, extra=extra)
    node.start()
    owed = tmp_path / "owed"
    try:
        done = _emulate(port, owed, "--count", "12", "--every-s", "0")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "12 messages acknowledged" in done.stdout
        obligations = read_obligations(owed)
        wanted = {one.sample_id for one in obligations if one.expect.value == "deliver"}
        assert len(wanted) == 11
        assert lis.wait_for(lambda got: {one.sample_id for one in got} >= wanted, 20)
        assert sorted(one.sample_id for one in lis.first_arrivals()) == sorted(wanted)
        results = node.listing("results", "list", "--limit", "1000")
    finally:
        node.stop()
        lis.stop()
    assert {one["release_state"] for one in results} == {"released", "not_for_lis"}
    assert len([one for one in results if one["release_state"] == "not_for_lis"]) == 3
    (first, *_) = lis.first_arrivals()
    (observation, *_) = first.observations()
    assert observation[18] == "POC-7~POC-7"  # OBX-18: the analyzer by its hello, then its id


def _told(peer: socket.socket, data: bytes, until: bytes) -> None:
    """Send, and read until the host has said this."""
    peer.sendall(data)
    heard = b""
    while not re.search(until, heard):
        piece = peer.recv(65536)
        assert piece, heard
        heard += piece


def _accepted(control_id: int) -> bytes:
    return b'V="AA"/><ACK.ack_control_id V="%d"/>' % control_id


def _at(moment: str, message: bytes) -> bytes:
    time = f'<SVC.observation_dttm V="{moment}"/><PT>'.encode()
    return message.replace(b"<PT>", time)


def test_a_repetition_is_delivered_once_and_a_result_of_nobody_is_held(tmp_path: Path) -> None:
    """The cable is pulled before the acknowledgement is heard; and a patient's number is no specimen's."""
    port = free_port()
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, [("poc", "generic_poct1a", port)], lis.port).start()
    first = _at("2026-03-14T09:29:54+01:00", observation(3, order="S-1"))
    try:
        for again in (first, first.replace(b'id V="3"', b'id V="4"')):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                _told(peer, hello(1), _accepted(1))
                _told(peer, status(2), b"ROBS")
                _told(peer, again, b'V="AA"/><ACK.ack_control_id V="[34]"/>')
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            _told(peer, hello(1), _accepted(1))
            _told(peer, observation(3, order=""), _accepted(3))
            _told(peer, observation(5, value="7.7", order="S-2"), _accepted(5))
        assert lis.wait_for(lambda got: len(got) == 2, 20)
        results = node.listing("results", "list")
    finally:
        node.stop()
        lis.stop()
    assert [one.sample_id for one in lis.first_arrivals()] == ["S-1", "S-2"]
    states = sorted(str(one["release_state"]) for one in results)
    assert states == ["duplicate", "held", "released", "released"]
    (held,) = [one for one in results if one["release_state"] == "held"]
    assert "no_sample_id" in str(held["findings"])


def test_hostile_bytes_disturb_nobody(tmp_path: Path) -> None:
    """A bomb, an endless message and noise: the line answers AE or nothing, and another line works on."""
    bad, good = free_port(), free_port()
    lis = PlainLis().start()
    lines = [("bad", "generic_poct1a", bad), ("good", "generic_poct1a", good)]
    node = NodeProcess(tmp_path, lines, lis.port).start()
    bomb = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;">]><OBS.R01><HDR>&d;</HDR></OBS.R01>'
    try:
        with socket.create_connection(("127.0.0.1", bad), timeout=10) as peer:
            peer.sendall(bomb)
            assert b'<ACK.type_cd V="AE"/>' in peer.recv(65536)
            for _ in range(40):
                peer.sendall(b"<OBS.R01>" + b"<a>" * 20_000)
            done = _emulate(good, tmp_path / "owed", "--count", "3", "--every-s", "0")
            assert "3 messages acknowledged" in done.stdout, done.stdout + done.stderr
            assert lis.wait_for(lambda got: len(got) == 3, 20)
        messages = node.listing("messages", "list")
    finally:
        node.stop()
        lis.stop()
    states = [one["state"] for one in messages if one["line"] == "bad"]
    assert "unreadable" in states


def test_a_file_of_messages_is_read_as_one_entry(tmp_path: Path) -> None:
    """What another maker's data manager writes into a folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    lis = PlainLis().start()
    extra = (
        '[[line]]\nid = "files"\ndriver = "generic_poct1a"\nrelease = "auto"\n'
        f'transport = {{ type = "file_drop", folder = "{folder}", poll_s = 0.2 }}\n'
    )
    node = NodeProcess(tmp_path, [("chem", "generic_astm", free_port())], lis.port, extra=extra)
    node.start()
    try:
        whole = hello() + b"\r\n" + observation(4) + b"\r\n" + observation(5, order="S-2")
        (folder / "x.tmp").write_bytes(whole)
        (folder / "x.tmp").rename(folder / "x.xml")
        assert lis.wait_for(lambda got: len(got) == 2, 30)
        messages = node.listing("messages", "list")
    finally:
        node.stop()
        lis.stop()
    assert [one["state"] for one in messages] == ["processed"]
