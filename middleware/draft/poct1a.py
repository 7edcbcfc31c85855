"""Guesses for POCT1-A documents: the places are fixed by the standard, so little is left to find."""

from __future__ import annotations

import re
from collections.abc import Sequence

from middleware.draft.evidence import Findings

_PLACES = (
    ("header.analyzer", ("DEV.device_name", "DEV.model_id", "DEV.device_id")),
    ("header.serial", ("DEV.serial_id", "DEV.device_id")),
    ("header.control_id", "HDR.control_id"),
    ("header.sent_at", "HDR.creation_dttm"),
    ("specimen.specimen_type", ("SPC.type_cd", "SPC.source_cd", "CTC.name")),
    ("specimen.patient_ids", ({"path": "PT.patient_id"},)),
    ("specimen.patient_name", "PT.name"),
    ("specimen.birth_date", "PT.birth_date"),
    ("specimen.sex", "PT.gender_cd"),
    ("result.test_code", "OBS.observation_id"),
    ("result.test_name", "OBS.observation_id@DN"),
    ("result.value", "OBS.value"),
    ("result.unit", "OBS.value@U"),
    ("result.reference_range", "OBS.normal_lo-hi_limit"),
    ("result.flags", "OBS.interpretation_cd"),
    ("result.status", "OBS.status_cd"),
    ("result.measured_at", "SVC.observation_dttm"),
    ("result.operator", "OPR.operator_id"),
    ("result.module", "DEV.device_id"),
    ("result.reagent_lot", "RGT.lot_number"),
)
_SURE = frozenset(
    ("result.test_code", "result.value", "result.unit", "result.measured_at", "header.control_id")
)
_SPECIMEN_IDS = ("SPC.specimen_id", "ORD.order_id")
_CODE = re.compile(rb"<OBS\.observation_id\s+V=\"([^\"]+)\"")
_UNIT = re.compile(rb"<OBS\.value\s[^>]*?U=\"([^\"]*)\"")


def guess_poct1a(texts: Sequence[bytes]) -> Findings:
    """The standard's places, and which identifiers of a specimen really come."""
    found, whole = Findings(), b"\n".join(texts)
    sent = [path for path in _SPECIMEN_IDS if f"<{path}".encode() in whole]
    paths = (*sent, *(path for path in _SPECIMEN_IDS if path not in sent), "CTC.lot_number")
    if sent:
        found.likely("specimen.sample_id", paths, "sent in the recording; compare it with a tube")
    else:
        found.guess(
            "specimen.sample_id",
            paths,
            "none is sent in the recording, so every result would be held",
        )
        found.missing.append(
            "The analyzer sent no identifier of a specimen: can its operator be made to scan one?"
        )
    for key, path in _PLACES:
        if key in _SURE:
            found.certain(key, path, "the standard's place")
        else:
            found.likely(key, path, "the standard's place")
    units = [one.decode("latin-1") for one in _UNIT.findall(whole)]
    codes = [one.decode("latin-1") for one in _CODE.findall(whole)]
    found.codes = dict(zip(codes, [*units, *[""] * len(codes)], strict=False))
    return found
