"""Specimen, carrier and patient: who and what a result belongs to, by identifier only."""

from __future__ import annotations

from middleware.model.codes import SampleRole
from middleware.model.value import Frozen


class Identifier(Frozen):
    """An identifier with the authority that issued it (may be empty: unknown)."""

    id: str
    authority: str = ""


class Patient(Frozen):
    """What an analyzer said of a patient, the minimum that identity checks need. Empty text = not sent."""

    identifiers: tuple[Identifier, ...] = ()
    name: str = ""
    birth_date: str = ""  # YYYYMMDD as sent
    sex: str = ""


class Specimen(Frozen):
    """The specimen as the analyzer named it.

    `sample_id` is the identifier on the tube (empty: the analyzer sent none). `instrument_sample_id` is the analyzer's
    own number. `sample_id_doubt` says why another text beside it could be the true identifier (empty: nothing does).
    `carrier` and `position` are where the tube stood. `role` comes from a declared rule, `role_rule` names it.
    `control_lot` and `control_level` say which material a control, calibrator or blank is; a patient's has none.
    """

    sample_id: str = ""
    sample_id_doubt: str = ""
    instrument_sample_id: str = ""
    carrier: str = ""
    position: str = ""
    specimen_type: str = ""
    role: SampleRole = SampleRole.PATIENT
    role_rule: str = ""
    control_lot: str = ""
    control_level: str = ""
    patient: Patient | None = None
