"""Reads whose and what the material is, from an order record and the patient record above it."""

from __future__ import annotations

from drivers.protocols.lis2.paths import check_paths, locate, read_together
from drivers.protocols.lis2.sample_id_doubt import doubt_reader
from middleware.driver.mapping import PATIENT, RoleFound, role_reader, text_reader
from middleware.driver.profile import SpecimenSection
from middleware.driver.rules import RoleRule
from middleware.model import Identifier, Patient, SampleRole, Specimen, proven
from middleware.wire.lis2 import Path, Record

_HEADER = "H"
_PATIENT_ROLE = SampleRole.PATIENT
_new_specimen = proven(Specimen)
_new_patient = proven(Patient)
_new_identifier = proven(Identifier)

# Marks of the standard itself, in force for every profile. Training and debugging messages are nobody's results either;
# there is no role of their own, and what matters is that none reaches a patient.
STANDARD_ROLES = (
    RoleRule(  # LIS02-A2 6.12
        path="H-12",
        table={"Q": SampleRole.QC, "T": SampleRole.QC, "D": SampleRole.QC},
    ),
    RoleRule(path="O-12", table={"Q": SampleRole.QC}),  # LIS02-A2 8.4.12
)


class SpecimenReader:
    """I make a Specimen from an order record: from its own fields, never from the record before it."""

    def __init__(self, section: SpecimenSection) -> None:
        _check(section)
        self._texts = read_together(
            (
                section.sample_id,
                section.instrument_sample_id,
                section.carrier,
                section.position,
                section.specimen_type,
            ),
            "O",
        )
        self._doubt = doubt_reader(section)
        self._header_role = role_reader(_rules_of(section, in_header=True), locate)
        self._order_role = role_reader(_rules_of(section, in_header=False), locate)
        self._control_lot = text_reader(section.control_lot, locate)
        self._control_level = text_reader(section.control_level, locate)
        self._identifiers = [(locate(rule.path), rule.authority) for rule in section.patient_ids]
        self._name = [Path.parse(path) for path in _paths(section)]
        self._person = read_together((section.birth_date, section.sex), "P")

    def role_of_message(self, header: Record) -> RoleFound:
        """What the header says of every specimen in the message."""
        return self._header_role(header)

    def read(
        self, order: Record, patient: Patient | None, message_role: RoleFound = PATIENT
    ) -> Specimen:
        """The specimen of one order record; an order that the analyzer left out gives one without identifier."""
        role, role_rule = message_role
        if role is _PATIENT_ROLE:
            role, role_rule = self._order_role(order)
        is_patients = role is _PATIENT_ROLE
        sample_id, instrument_id, carrier, position, kind = self._texts(order)
        return _new_specimen(
            sample_id=sample_id,
            sample_id_doubt=self._doubt(order),
            instrument_sample_id=instrument_id,
            carrier=carrier,
            position=position,
            specimen_type=kind,
            role=role,
            role_rule=role_rule,
            control_lot="" if is_patients else self._control_lot(order),
            control_level="" if is_patients else self._control_level(order),
            patient=patient,
        )

    def read_patient(self, record: Record) -> Patient | None:
        """The patient of all orders below one patient record; None when nothing is said of anybody."""
        identifiers = tuple(
            [
                _new_identifier(id=text, authority=authority)
                for text_of, authority in self._identifiers
                if (text := text_of(record))
            ]
        )
        name = self._read_name(record)
        birth_date, sex = self._person(record)
        if not (identifiers or name or birth_date or sex):
            return None
        return _new_patient(identifiers=identifiers, name=name, birth_date=birth_date, sex=sex)

    def _read_name(self, record: Record) -> str:
        """The parts of a name joined by ^, whatever delimiter the message declares."""
        for path in self._name:
            if path.component:
                name = path.of(record).strip()
            else:
                parts = [part.strip() for part in record.components(path.field)]
                name = "^".join(parts).rstrip("^")
            if name:
                return name
        return ""


def _paths(section: SpecimenSection) -> tuple[str, ...]:
    return section.patient_name.paths if section.patient_name is not None else ()


def _rules_of(section: SpecimenSection, *, in_header: bool) -> list[RoleRule]:
    return [
        rule
        for rule in (*STANDARD_ROLES, *section.role)
        if rule.path.startswith(_HEADER) is in_header
    ]


def _check(section: SpecimenSection) -> None:
    check_paths("specimen", (section.sample_id,), "OP")
    check_paths(
        "specimen",
        (section.instrument_sample_id, section.carrier, section.position, section.specimen_type),
        "OP",
    )
    check_paths("specimen.role", section.role, "HOP")
    check_paths("specimen", (section.control_lot, section.control_level), "HOP")
    check_paths(
        "specimen",
        (*section.patient_ids, section.patient_name, section.birth_date, section.sex),
        "P",
    )
