"""Reads whose and what the material is, from the segments of one group."""

from __future__ import annotations

from collections.abc import Callable

from drivers.protocols.hl7.paths import Scope, check_paths, locate
from drivers.protocols.hl7.tables import POOLED_ROLES, PROCESSING_ROLES, SPECIMEN_ROLES
from middleware.driver.mapping import RoleFound, role_reader, text_reader
from middleware.driver.profile import SpecimenSection
from middleware.driver.rules import PatientIdRule, RoleRule
from middleware.model import Identifier, Patient, SampleRole, Specimen, proven
from middleware.wire.hl7 import Path

_HEADER = "MSH"
_PATIENT_ROLE = SampleRole.PATIENT
_GROUP_SEGMENTS = frozenset({"SPM", "SAC", "INV", "OBR", "ORC", "PID", "PV1"})
_PERSON_SEGMENTS = frozenset({"PID", "PV1", "PD1"})
# Segments that say the same thing at one level: an identifier beside another of the same level may be the true one.
_LEVELS = (frozenset({"SPM", "SAC"}), frozenset({"OBR", "ORC"}), frozenset({"PID", "PV1"}))
# PID fields of type CX, whose fourth component is the authority (HL7 2.5.1 2.A.14).
_IDENTIFIER_FIELDS = frozenset({2, 3, 4, 18, 19, 20})
_new_specimen = proven(Specimen)
_new_patient = proven(Patient)
_new_identifier = proven(Identifier)

# Marks of the standard itself, in force for every profile.
STANDARD_ROLES = (
    RoleRule(path="MSH-11.1", table=PROCESSING_ROLES),
    RoleRule(path="SPM-11.1", table=SPECIMEN_ROLES),
    RoleRule(path="SPM-11[2].1", table=SPECIMEN_ROLES),
    RoleRule(path="OBR-15.7", table=SPECIMEN_ROLES),
)

IDENTIFIER_MIN = 6
"""Characters. Racks, positions and running numbers are shorter; what is as long may be on the label of a tube."""


class SpecimenReader:
    """I make a Specimen from the segments of a group: from its own, never from the group before it."""

    def __init__(self, section: SpecimenSection) -> None:
        _check(section)
        self._sample_id = text_reader(section.sample_id, locate)
        self._texts = [
            text_reader(rule, locate)
            for rule in (
                section.instrument_sample_id,
                section.carrier,
                section.position,
                section.specimen_type,
            )
        ]
        self._doubt = _doubt_reader(section)
        rules = (*STANDARD_ROLES, *section.role)
        self._header_role = role_reader([one for one in rules if _is_header(one)], locate)
        self._group_role = role_reader([one for one in rules if not _is_header(one)], locate)
        self._control_lot = text_reader(section.control_lot, locate)
        self._control_level = text_reader(section.control_level, locate)
        self._identifiers = [_identifier_reader(rule) for rule in section.patient_ids]
        self._name = section.patient_name.paths if section.patient_name is not None else ()
        self._birth_date = text_reader(section.birth_date, locate)
        self._sex = text_reader(section.sex, locate)

    def role_of_message(self, scope: Scope) -> RoleFound:
        """What the header says of every specimen in the message."""
        return self._header_role(scope)

    def read(self, scope: Scope, patient: Patient | None, message_role: RoleFound) -> Specimen:
        """The specimen of one group; one without identifier when the group names none."""
        role, role_rule = message_role
        if role is _PATIENT_ROLE:
            role, role_rule = self._group_role(scope)
        is_patients = role is _PATIENT_ROLE
        instrument_id, carrier, position, kind = [text_of(scope) for text_of in self._texts]
        return _new_specimen(
            sample_id=self._sample_id(scope),
            sample_id_doubt=self._doubt(scope),
            instrument_sample_id=instrument_id,
            carrier=carrier,
            position=position,
            specimen_type=kind,
            role=role,
            role_rule=role_rule,
            control_lot="" if is_patients else self._control_lot(scope),
            control_level="" if is_patients else self._control_level(scope),
            patient=patient,
        )

    def read_patient(self, scope: Scope) -> Patient | None:
        """The patient of all groups below one PID; None when nothing is said of anybody."""
        found = [one for read in self._identifiers if (one := read(scope)) is not None]
        name = self._read_name(scope)
        birth_date, sex = self._birth_date(scope), self._sex(scope)
        if not (found or name or birth_date or sex):
            return None
        identifiers = tuple({one.id: one for one in reversed(found)}.values())[::-1]
        return _new_patient(identifiers=identifiers, name=name, birth_date=birth_date, sex=sex)

    def _read_name(self, scope: Scope) -> str:
        """The parts of a name joined by ^, whatever delimiter the message declares."""
        for path_text in self._name:
            path = Path.parse(path_text)
            segment = scope.get(path.segment)
            if segment is None:
                continue
            if path.component:
                name = locate(path_text)(scope)
            else:
                parts = segment.components(path.field, path.repetition or 1)
                name = "^".join([part.strip() for part in parts]).rstrip("^")
            if name:
                return name
        return ""


def _is_header(rule: RoleRule) -> bool:
    return rule.path.startswith(_HEADER)


def _identifier_reader(rule: PatientIdRule) -> Callable[[Scope], Identifier | None]:
    path, id_of = Path.parse(rule.path), locate(rule.path)
    is_listed = path.segment == "PID" and path.field in _IDENTIFIER_FIELDS
    place = f"{path.segment}-{path.field}[{path.repetition or 1}].4"
    authority_of = locate(place) if is_listed and path.component <= 1 else None

    def read(scope: Scope) -> Identifier | None:
        text = id_of(scope)
        if not text:
            return None
        authority = rule.authority or (authority_of(scope) if authority_of is not None else "")
        return _new_identifier(id=text, authority=authority)

    return read


_Reader = tuple[str, int, Callable[[Scope], str]]


def _doubt_reader(section: SpecimenSection) -> Callable[[Scope], str]:
    """Why another text could be the true identifier: several specimens in one group, a pool, or (when the profile
    asks, being of no one analyzer) another identifier beside the chosen one.
    """
    readers = [(path, _level(path), locate(path)) for path in section.sample_id.paths]
    pooled = locate("SPM-11.1")

    def read(scope: Scope) -> str:
        for name in ("SPM", "SAC"):
            doubt = _another(scope, name, readers)
            if doubt:
                return doubt
        pool = POOLED_ROLES.get(pooled(scope))
        if pool is not None:
            return f"it is of {pool} of specimens (SPM-11)"
        return _beside(scope, readers) if section.doubt_other_parts else ""

    return read


def _beside(scope: Scope, readers: list[_Reader]) -> str:
    """Another identifier of the same level as the chosen one, long enough to be on a label."""
    found = [(path, level, text) for path, level, text_of in readers if (text := text_of(scope))]
    if not found:
        return ""
    chosen_path, chosen_level, chosen = found[0]
    if _is_repeated(scope, chosen_path):
        return f"{chosen_path} names more than one specimen"
    for path, level, text in found[1:]:
        if text != chosen and level == chosen_level and len(text) >= IDENTIFIER_MIN:
            return f"{path} is {text!r}"
    return ""


def _level(path: str) -> int:
    name = Path.parse(path).segment
    return next((number for number, names in enumerate(_LEVELS) if name in names), -1)


def _is_repeated(scope: Scope, path_text: str) -> bool:
    path = Path.parse(path_text)
    segment = scope.get(path.segment)
    if segment is None:
        return False
    return sum(1 for one in segment.repetitions(path.field) if one.strip()) > 1


def _another(scope: Scope, name: str, readers: list[_Reader]) -> str:
    """Two segments of one kind in a group that name different specimens."""
    second = scope.get(f"{name}(2)")
    if second is None:
        return ""
    other = {**scope, name: second}
    for path, _, text_of in readers:
        if path.startswith(name) and text_of(other) != text_of(scope):
            return f"{path} names more than one specimen"
    return ""


def _check(section: SpecimenSection) -> None:
    texts = (section.instrument_sample_id, section.carrier, section.position, section.specimen_type)
    check_paths("specimen", (section.sample_id, *texts), _GROUP_SEGMENTS)
    check_paths("specimen.role", section.role, _GROUP_SEGMENTS | {_HEADER})
    check_paths("specimen", (section.control_lot, section.control_level), _GROUP_SEGMENTS)
    check_paths(
        "specimen",
        (*section.patient_ids, section.patient_name, section.birth_date, section.sex),
        _PERSON_SEGMENTS,
    )
