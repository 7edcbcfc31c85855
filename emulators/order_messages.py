"""The OML^O33 of an emulated LIS: orders and cancels of tests on one tube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from emulators.specimens import EmulatedSpecimen
from middleware.wire.hl7 import Raw, components, compose, segment


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One ORC with its OBR: `control` is NW or CA, `placer` the LIS's number of the order."""

    control: str
    placer: str
    test: str


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """A message to send: its number (MSH-10), the tube that it is about, and what it says."""

    control_id: str
    tube: EmulatedSpecimen
    lines: Sequence[OrderLine]


def order_message(message: OrderMessage, processing_id: str, now: datetime) -> bytes:
    """The bytes; `processing_id` is MSH-11, `now` is aware."""
    moment = now.strftime("%Y%m%d%H%M%S%z")
    tube = message.tube
    header = {
        3: "EMULATED-LIS",
        5: "LABWIRE",
        7: moment,
        9: components("OML", "O33", "OML_O33"),
        10: message.control_id,
        11: processing_id,
        12: "2.5.1",
    }
    patient = {
        3: components(tube.patient_id, "", "", "EMULATED"),
        5: components(*tube.patient_name.split("^")),
        7: tube.birth_date,
        8: tube.sex,
    }
    segments = [
        segment("MSH", header),
        segment("PID", patient),
        segment("SPM", {1: "1", 2: Raw(tube.sample_id), 4: "SER", 17: moment}),
        segment("SAC", {3: tube.sample_id}),
    ]
    for line in message.lines:
        segments.append(segment("ORC", {1: line.control, 2: line.placer}))
        segments.append(segment("OBR", {2: line.placer, 4: components(line.test)}))
    return compose(segments)
