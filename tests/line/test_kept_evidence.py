"""Bytes as they came, and proofs that an acknowledgement arrived, outlive trouble of the store."""

from __future__ import annotations

from tests.kit.line_bench import ENQ, EOT, FRAMES, LineBench


def started() -> LineBench:
    bench = LineBench()
    bench.line.start()
    bench.connect()
    return bench


def test_an_incomplete_message_keeps_its_wire_bytes() -> None:
    """Frames and checksums are evidence of what was cut off (promise 4)."""
    bench = started()
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES[:3], EOT)
    (entry,) = bench.writer.journal()
    assert b"".join(FRAMES[:3]) in entry["wire"]


def test_a_confirmation_is_not_lost_with_a_commit_that_failed() -> None:
    """Written alone, it fails with the store, and comes again with the next chance."""
    bench = started()
    bench.send(ENQ, *FRAMES)
    bench.writer.commit()
    bench.send(EOT)
    bench.pass_time(0.1, step=0.05)
    bench.writer.fail_commit()
    bench.writer.recover()
    bench.send(ENQ, *FRAMES)
    bench.writer.commit()
    assert bench.writer.journal()[0]["ack_confirmed"] is True


def test_a_confirmation_that_rode_in_a_failed_commit_comes_again() -> None:
    """It is written with the retry of the message that it rode with."""
    bench = started()
    bench.send(ENQ, *FRAMES)
    bench.writer.commit()
    bench.send(EOT, ENQ, *FRAMES)
    bench.writer.fail_commit()
    bench.writer.recover()
    bench.pass_time(1)
    bench.writer.commit()
    assert bench.writer.journal()[0]["ack_confirmed"] is True
