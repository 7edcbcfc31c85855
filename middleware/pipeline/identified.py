"""Lines whose sample ids name patients or encounters: what is looked up, before the store is asked."""

from __future__ import annotations

from middleware.model import Envelope, PatientIdKind, SampleRole, Specimen, with_changes
from middleware.setup import Setup

_KINDS = frozenset(one.value for one in PatientIdKind)


def kinds_by_line(setup: Setup) -> dict[str, str]:
    """The lines whose sample ids name no tubes, with what they name (`PatientIdKind`)."""
    named = {line.id: line.orders.identified_by.value for line in setup.lines.values()}
    return {line: kind for line, kind in named.items() if kind in _KINDS}


def by_patient(envelope: Envelope) -> Envelope:
    """Where such an analyzer sends no sample id, its patient id is what is looked up."""
    known: dict[int, Specimen] = {}
    found = []
    for result in envelope.results:
        specimen = result.specimen
        if id(specimen) not in known:
            known[id(specimen)] = _named(specimen)
        found.append(with_changes(result, specimen=known[id(specimen)]))
    return with_changes(envelope, results=tuple(found))


def _named(specimen: Specimen) -> Specimen:
    patient = specimen.patient
    is_named = specimen.sample_id.strip() or specimen.role is not SampleRole.PATIENT
    if is_named or patient is None or not patient.identifiers:
        return specimen
    return with_changes(specimen, sample_id=patient.identifiers[0].id)
