"""A made-up laboratory with quality control: messages of one line, sent through the real pipeline."""

from __future__ import annotations

import json
from typing import Any

from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.store import qc, results
from tests.kit.made_qc import control, measured, qc_setup
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result


class Lab:
    """Messages of one line, each in a transaction of its own, at minutes after the first."""

    def __init__(self, conn, **head: Any) -> None:
        self.conn = conn
        self.setup = qc_setup(**head)

    def send(self, minute: float, *sent) -> None:
        at = RECEIVED_AT + 60 * minute
        entry = journaled(self.conn, received_at=at, text=f"H|{minute}\r".encode())
        message = decoded(entry, *sent)
        process(self.conn, [Preparation(self.setup).prepare(message)], self.setup, at + 1)

    def run(self, minute: float, **values: str) -> None:
        """Both levels of a control of GLU."""
        for level in ("1", "2"):
            self.send(minute, control(level, minute, values.get(f"l{level}", "")))

    def patient(self, minute: float, sample: str, **more: Any) -> dict[str, Any]:
        self.send(minute, made_result(sample, measured=measured(minute), **more))
        return self.row(sample)

    def row(self, sample: str) -> dict[str, Any]:
        (row,) = results.listing(self.conn, results.ResultFilter(sample_id=sample))
        return row

    def status(self) -> list[str]:
        return [one.status for one in qc.all_gates(self.conn)]


def codes(row: dict[str, Any]) -> list[str]:
    return [one["code"] for one in json.loads(row["findings"] or "[]") if one["check"] == "qc"]
