"""Whose and what the material is: patient or control, from what stands around an observation."""

from __future__ import annotations

from drivers.protocols.poct1a.paths import Chain, check_paths, locate, objects_near
from drivers.protocols.poct1a.tables import NOT_A_PATIENTS_MESSAGE, ROLES
from drivers.protocols.poct1a.times import plain_date
from middleware.driver.mapping import PATIENT, RoleFound, role_reader, text_reader
from middleware.driver.profile import SpecimenSection
from middleware.driver.rules import PathRule
from middleware.model import Comment, Identifier, Patient, SampleRole, Specimen

# POCT1-A's own places, for profiles that name no other.
_LOT, _LEVEL = PathRule(path="CTC.lot_number"), PathRule(path="CTC.level_cd")
_CONTROL_PARTS = (
    ("CTC.name", "control"),
    ("CTC.lot_number", "lot"),
    ("CTC.level_cd", "level"),
    ("CTC.expiration_date", "expires"),
)


class SpecimenReader:
    """I make a Specimen from the objects around an observation, never from those of another service."""

    def __init__(self, section: SpecimenSection) -> None:
        rules = (
            section.sample_id,
            section.instrument_sample_id,
            section.carrier,
            section.position,
            section.specimen_type,
        )
        check_paths(rules)
        check_paths((*section.role, *section.patient_ids))
        check_paths((section.patient_name, section.birth_date, section.sex))
        check_paths((section.control_lot, section.control_level))
        self._texts = [text_reader(rule, locate) for rule in rules]
        self._ids = [(path, locate(path)) for path in section.sample_id.paths]
        self._is_in_doubt = section.doubt_other_parts
        self._role = role_reader(section.role, locate)
        self._control_lot = text_reader(section.control_lot or _LOT, locate)
        self._control_level = text_reader(section.control_level or _LEVEL, locate)
        self._role_code = locate("SVC.role_cd")
        self._identifiers = [(locate(rule.path), rule.authority) for rule in section.patient_ids]
        self._name = text_reader(section.patient_name, locate)
        self._birth_date = text_reader(section.birth_date, locate)
        self._sex = text_reader(section.sex, locate)
        self._control = [(words, locate(path)) for path, words in _CONTROL_PARTS]
        self._location = locate("PT.location")

    def read(self, chain: Chain) -> Specimen:
        """The specimen of one observation."""
        sample_id, instrument_id, carrier, position, kind = (read(chain) for read in self._texts)
        role, rule = self._role_of(chain)
        is_patients = role is SampleRole.PATIENT
        return Specimen(
            sample_id=sample_id,
            sample_id_doubt=self._doubt(chain, sample_id) if self._is_in_doubt else "",
            instrument_sample_id=instrument_id,
            carrier=carrier,
            position=position,
            specimen_type=kind,
            role=role,
            role_rule=rule,
            control_lot="" if is_patients else self._control_lot(chain),
            control_level="" if is_patients else self._control_level(chain),
            patient=self._patient(chain),
        )

    def unknown_role(self, chain: Chain) -> str:
        """Why nobody can tell a patient's result from a control's here; '' when it is known."""
        code = self._role_code(chain)
        if not code or code in ROLES or self._role(chain)[1]:
            return ""
        return f"SVC.role_cd is {code!r}: a patient's result or a control's?"

    def remarks(self, chain: Chain) -> tuple[Comment, ...]:
        """What the model has no field for: where the patient lies, and which control was measured."""
        found = []
        location = self._location(chain)
        if location:
            found.append(Comment(text=f"location: {location}", kind="location"))
        if objects_near(chain, "CTC"):
            parts = [f"{words} {text}" for words, read in self._control if (text := read(chain))]
            found.append(Comment(text=", ".join(parts), kind="control"))
        return tuple(comment for comment in found if comment.text)

    def _role_of(self, chain: Chain) -> RoleFound:
        """Any mark of a control counts: SVC.role_cd, a rule of the profile, or the kind of message."""
        code = self._role_code(chain)
        role = ROLES.get(code, SampleRole.PATIENT)
        if role is not SampleRole.PATIENT:
            return role, f"SVC.role_cd is {code}"
        found = self._role(chain)
        if found[0] is not SampleRole.PATIENT:
            return found
        if any(element.name == NOT_A_PATIENTS_MESSAGE for element in chain):
            return SampleRole.QC, f"the message is {NOT_A_PATIENTS_MESSAGE}"
        if objects_near(chain, "CTC"):
            return SampleRole.QC, "a control stands beside it (CTC)"
        return found if found[1] else PATIENT

    def _doubt(self, chain: Chain, sample_id: str) -> str:
        for path, read in self._ids:
            text = read(chain)
            if text and text != sample_id:
                return f"{path} is {text!r}"
        return ""

    def _patient(self, chain: Chain) -> Patient | None:
        identifiers = tuple(
            Identifier(id=text, authority=authority)
            for read, authority in self._identifiers
            if (text := read(chain))
        )
        name, sex = self._name(chain), self._sex(chain)
        birth_date = plain_date(self._birth_date(chain))
        if not (identifiers or name or birth_date or sex):
            return None
        return Patient(identifiers=identifiers, name=name, birth_date=birth_date, sex=sex)
