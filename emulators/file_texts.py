"""What an emulated analyzer writes into its files: the same specimen as LIS2 records, HL7 v2, or rows of columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from emulators.specimens import EmulatedResult, EmulatedSpecimen, results_message
from middleware.wire.hl7.build import FieldValue, Raw, segment


class FileFormat(StrEnum):
    """How a file is written, and the ending of its name."""

    ASTM = "astm"
    HL7 = "hl7"
    CSV = "csv"


_COLUMNS = "sample_id,test_code,test_name,value,unit,reference_range,flag,status,measured_at,role"


def file_text(form: FileFormat, name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
    """The whole file with every result of `specimen`; `measured` in the analyzer's local time."""
    return _WRITERS[form](name, specimen, measured)


def _lis2(name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
    """Records as lines of text, as an export has them."""
    return results_message(name, specimen, measured).replace(b"\r", b"\r\n")


def _hl7(name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
    moment = measured.strftime("%Y%m%d%H%M%S")
    number = f"{specimen.sample_id}-{moment[8:]}"[-20:]
    family, _, given = specimen.patient_name.partition("^")
    segments = [
        segment(
            "MSH",
            {
                3: name,
                7: moment,
                9: Raw("ORU^R01"),
                10: number,
                11: "Q" if specimen.is_control else "P",
                12: "2.5.1",
                16: "2" if specimen.is_control else "0",
                18: "UNICODE UTF-8",
            },
        ),
        segment(
            "PID",
            {
                1: "1",
                3: specimen.patient_id,
                5: Raw(f"{family}^{given}") if family else "",
                7: specimen.birth_date,
                8: specimen.sex,
            },
        ),
        segment("OBR", {1: "1", 3: specimen.sample_id, 4: "PANEL", 7: moment}),
    ]
    segments += [
        segment("OBX", _observed(at, result, moment))
        for at, result in enumerate(specimen.results, start=1)
    ]
    return "".join([f"{one}\r" for one in segments]).encode()


def _observed(at: int, result: EmulatedResult, moment: str) -> Mapping[int, FieldValue]:
    test = result.test
    return {
        1: str(at),
        2: "NM",
        3: Raw(f"{test.code}^{test.name}"),
        5: result.value,
        6: test.unit,
        7: f"{test.low:g}-{test.high:g}",
        8: result.flag,
        11: "F",
        14: moment,
    }


def _csv(_name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(_COLUMNS.split(","))
    for result in specimen.results:
        test = result.test
        rows.writerow(
            [
                specimen.sample_id,
                test.code,
                test.name,
                result.value,
                test.unit,
                f"{test.low:g}-{test.high:g}",
                result.flag,
                "F",
                measured.strftime("%Y-%m-%d %H:%M:%S"),
                "control" if specimen.is_control else "patient",
            ]
        )
    return text.getvalue().encode()


_WRITERS: Mapping[FileFormat, Callable[[str, EmulatedSpecimen, datetime], bytes]] = {
    FileFormat.ASTM: _lis2,
    FileFormat.HL7: _hl7,
    FileFormat.CSV: _csv,
}
