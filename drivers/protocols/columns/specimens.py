"""Reads whose and what the material is, from a row and nothing but that row."""

from __future__ import annotations

import re

from drivers.protocols.columns.row import Row
from middleware.driver.mapping import Locate, role_reader, text_reader
from middleware.driver.profile import SpecimenSection
from middleware.errors import DriverError
from middleware.model import Identifier, Patient, SampleRole, Specimen, proven

_new_specimen = proven(Specimen)
_new_patient = proven(Patient)
_new_identifier = proven(Identifier)


class SpecimenReader:
    """I make a Specimen from a row: from its own columns, never from the row before."""

    def __init__(self, section: SpecimenSection, locate: Locate[Row], pattern: str = "") -> None:
        if section.doubt_other_parts:
            raise DriverError(
                "[specimen]: doubt_other_parts is about parts of a field, and a column has none",
                what_to_do="Give `sample_id_pattern` in [protocol] instead.",
            )
        self._sample_id = text_reader(section.sample_id, locate)
        self._pattern = re.compile(pattern) if pattern else None
        self._instrument_id = text_reader(section.instrument_sample_id, locate)
        self._carrier = text_reader(section.carrier, locate)
        self._position = text_reader(section.position, locate)
        self._type = text_reader(section.specimen_type, locate)
        self._role = role_reader(section.role, locate)
        self._control_lot = text_reader(section.control_lot, locate)
        self._control_level = text_reader(section.control_level, locate)
        self._identifiers = [(locate(rule.path), rule.authority) for rule in section.patient_ids]
        self._person = [
            text_reader(rule, locate)
            for rule in (section.patient_name, section.birth_date, section.sex)
        ]

    def sample_id(self, row: Row) -> str:
        """The identifier on the tube."""
        return self._sample_id(row)

    def read(self, row: Row) -> Specimen:
        """The specimen of one row."""
        role, role_rule = self._role(row)
        is_patients = role is SampleRole.PATIENT
        sample_id = self._sample_id(row)
        return _new_specimen(
            sample_id=sample_id,
            sample_id_doubt=self._doubt(sample_id),
            instrument_sample_id=self._instrument_id(row),
            carrier=self._carrier(row),
            position=self._position(row),
            specimen_type=self._type(row),
            role=role,
            role_rule=role_rule,
            control_lot="" if is_patients else self._control_lot(row),
            control_level="" if is_patients else self._control_level(row),
            patient=self._patient(row),
        )

    def _doubt(self, sample_id: str) -> str:
        if self._pattern is None or not sample_id or self._pattern.fullmatch(sample_id):
            return ""
        return f"{sample_id!r} is not written as this analyzer's sample ids are"

    def _patient(self, row: Row) -> Patient | None:
        identifiers = tuple(
            [
                _new_identifier(id=text, authority=authority)
                for text_of, authority in self._identifiers
                if (text := text_of(row))
            ]
        )
        name, birth_date, sex = (text_of(row) for text_of in self._person)
        if not (identifiers or name or birth_date or sex):
            return None
        return _new_patient(identifiers=identifiers, name=name, birth_date=birth_date, sex=sex)
