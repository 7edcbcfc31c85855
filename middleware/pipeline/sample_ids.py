"""A message's sample ids become those of the orders, by the `sample_ids` rules of its line, before anything else looks.

What the analyzer wrote stays in the message and, where the analyzer gave no number of its own, in
`instrument_sample_id`.
"""

from __future__ import annotations

from middleware.model import Envelope, Result, SampleRole, Specimen, with_changes
from middleware.model.sample_id import OrderedId, SampleIdSteps
from middleware.setup import Setup

_NO_STEPS = SampleIdSteps()


def steps_by_line(setup: Setup) -> dict[str, SampleIdSteps]:
    """The rules of the lines that have some."""
    lines = setup.lines.values()
    return {line.id: line.sample_ids for line in lines if line.sample_ids != _NO_STEPS}


def as_ordered(envelope: Envelope, steps: SampleIdSteps) -> tuple[Envelope, frozenset[str]]:
    """The message under the ids of the orders, and the ids (as sent) whose check digit is wrong.

    Controls keep theirs: no label of a tube is read for them.
    """
    known: dict[int, Specimen] = {}
    misread: set[str] = set()
    results: list[Result] = []
    for result in envelope.results:
        specimen = result.specimen
        if id(specimen) not in known:
            ordered = _read(specimen, steps)
            if ordered.is_wrong:
                misread.add(ordered.id)
            known[id(specimen)] = _renamed(specimen, ordered.id)
        results.append(with_changes(result, specimen=known[id(specimen)]))
    return with_changes(envelope, results=tuple(results)), frozenset(misread)


def _read(specimen: Specimen, steps: SampleIdSteps) -> OrderedId:
    if specimen.role is not SampleRole.PATIENT or not specimen.sample_id:
        return OrderedId(specimen.sample_id)
    return steps.as_ordered(specimen.sample_id)


def _renamed(specimen: Specimen, sample_id: str) -> Specimen:
    if sample_id == specimen.sample_id:
        return specimen
    sent = specimen.instrument_sample_id or specimen.sample_id
    return with_changes(specimen, sample_id=sample_id, instrument_sample_id=sent)
