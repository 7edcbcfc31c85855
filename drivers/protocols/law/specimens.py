"""Reads whose and what the material is: from the specimen group's own SPM, SAC and INV, and the PID above it."""

from __future__ import annotations

from drivers.protocols.law.groups import Contained
from drivers.protocols.law.paths import Group, check_paths, locate
from drivers.protocols.law.tables import (
    CONTROL_MATERIAL,
    SPECIMEN_ROLES,
    UNDOUBTED_ROLES,
)
from middleware.driver.mapping import PATIENT, RoleFound, role_reader, text_reader
from middleware.driver.profile import SpecimenSection
from middleware.driver.rules import RoleRule
from middleware.model import Comment, Identifier, Patient, SampleRole, Specimen, proven
from middleware.wire.hl7 import Segment

_SPECIMEN = ("SPM", "SAC", "PID")
_HEADER = "MSH"
_NAME_PARTS = 6  # XPN: what follows is the kind of name and no part of it (HL7 2.5.1 2.A.88)
_UNKNOWN_SEX = "U"
_CONTAINER_PART_MIN = 6
"""Characters. A part of SAC-3 that is as long, with a digit in it, may be the identifier of a tube itself."""

# Marks of the standard itself, in force for every profile (HL7 tables 0103 and 0369).
STANDARD_ROLES = (
    RoleRule(path="MSH-11.1", table={"T": SampleRole.QC, "D": SampleRole.QC}),
    RoleRule(path="SPM-11.1", table=dict(SPECIMEN_ROLES)),
)
_new_specimen = proven(Specimen)
_new_patient = proven(Patient)
_new_identifier = proven(Identifier)


class SpecimenReader:
    """I make a Specimen from one specimen group: from its own segments, never from the group before it."""

    def __init__(self, section: SpecimenSection) -> None:
        _check(section)
        rules = (*STANDARD_ROLES, *section.role)
        self._role = role_reader(rules, locate)
        self._sample_id = text_reader(section.sample_id, locate)
        self._instrument_id = text_reader(section.instrument_sample_id, locate)
        self._carrier = text_reader(section.carrier, locate)
        self._position = text_reader(section.position, locate)
        self._kind = text_reader(section.specimen_type, locate)
        self._identifiers = [(locate(rule.path), rule.authority) for rule in section.patient_ids]
        self._has_name = section.patient_name is not None
        self._birth_date = text_reader(section.birth_date, locate)
        self._sex = text_reader(section.sex, locate)
        self._doubts_parts = section.doubt_other_parts

    def read(self, group: Contained, header: Segment) -> Specimen:
        """The specimen of one group; without SPM and SAC it has no identifier."""
        segments = group.segments
        segments[_HEADER] = header
        role, role_rule = self._read_role(group, segments)
        return _new_specimen(
            sample_id=self._sample_id(segments),
            sample_id_doubt=self._doubt(group),
            instrument_sample_id=self._instrument_id(segments),
            carrier=self._carrier(segments),
            position=self._position(segments),
            specimen_type=self._kind(segments),
            role=role,
            role_rule=role_rule,
            patient=self._read_patient(segments),
        )

    def _read_role(self, group: Contained, segments: Group) -> RoleFound:
        role, rule = self._role(segments)
        if role is SampleRole.PATIENT and any(
            inv.get("INV-3.1").strip() == CONTROL_MATERIAL for inv in group.invs
        ):
            return SampleRole.QC, f"INV-3.1 is {CONTROL_MATERIAL}"
        return role, rule if role is not PATIENT[0] else ""

    def _doubt(self, group: Contained) -> str:
        """Why the identifier could be another's; '' when nothing speaks for that."""
        if len(group.sacs) > 1:
            return "the group names more than one container (SAC)"
        code = group.spm.get("SPM-11.1").strip() if group.spm is not None else ""
        if code not in UNDOUBTED_ROLES and code != '""':
            return f"SPM-11 is {code!r}, which may stand for more than one specimen"
        if self._doubts_parts and group.sacs:
            return _doubtful_part(group.sacs[0])
        return ""

    def _read_patient(self, segments: Group) -> Patient | None:
        pid = segments.get("PID")
        if pid is None:
            return None
        identifiers = tuple(
            [
                _new_identifier(id=text, authority=authority)
                for text_of, authority in self._identifiers
                if (text := text_of(segments))
            ]
        )
        name = _name(pid) if self._has_name else ""
        birth_date, sex = self._birth_date(segments), self._sex(segments)
        if not (identifiers or name or birth_date) and sex in ("", _UNKNOWN_SEX):
            return None  # the segment of an anonymous specimen
        return _new_patient(identifiers=identifiers, name=name, birth_date=birth_date, sex=sex)


def _name(pid: Segment) -> str:
    """The parts of a name joined by ^, whatever delimiter the message declares."""
    parts = [part.strip() for part in pid.components(5)[:_NAME_PARTS]]
    return "^".join(["" if part == '""' else part for part in parts]).rstrip("^")


def _doubtful_part(sac: Segment) -> str:
    if len([one for one in sac.repetitions(3) if one.strip()]) > 1:
        return "SAC-3 names more than one container"
    for number, part in enumerate(sac.components(3)[1:], start=2):
        text = part.strip()
        if len(text) >= _CONTAINER_PART_MIN and any(one.isdigit() for one in text):
            return f"SAC-3.{number} is {text!r}"
    return ""


def control_comments(group: Contained) -> tuple[Comment, ...]:
    """Which control or calibrator was measured: name, lot and expiry (INV-1, 16, 12) of what is in the container."""
    said = []
    for inv in group.invs:
        name = inv.get("INV-1.2").strip() or inv.get("INV-1.1").strip()
        lot, expiry = inv.get("INV-16").strip(), inv.get("INV-12").strip()
        parts = [name, f"lot {lot}" if lot else "", f"expires {expiry}" if expiry else ""]
        text = ", ".join(part for part in parts if part)
        if text:
            said.append(Comment(text=text, source="INV", kind="material"))
    return tuple(said)


def _check(section: SpecimenSection) -> None:
    check_paths(
        "specimen",
        (
            section.sample_id,
            section.instrument_sample_id,
            section.carrier,
            section.position,
            section.specimen_type,
        ),
        _SPECIMEN,
    )
    check_paths("specimen.role", section.role, (*_SPECIMEN, _HEADER))
    check_paths(
        "specimen",
        (*section.patient_ids, section.patient_name, section.birth_date, section.sex),
        ("PID",),
    )
