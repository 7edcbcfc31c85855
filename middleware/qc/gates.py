"""Which gates one result has to pass, and their common answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from middleware.qc.codes import Admission
from middleware.qc.gate import Answer
from middleware.qc.materials import Place

_STRICTNESS = (Admission.PASS, Admission.WAIT, Admission.HOLD)
NO_GATE = Answer(Admission.HOLD, "No quality control is known for this test on this module.")
"""The answer where control values are required and none ever came."""


def gates_of(place: Place, known: Iterable[Place]) -> tuple[Place, ...]:
    """The gates that judge a result measured at `place`.

    An empty analyzer or module, of the result or of the gate, stands for all: such a gate acts on the whole line, and
    such a result must pass the gates of every module. Where some gate names its module, a result of another named
    module is judged by none of them: a good run on one module says nothing of its neighbour.
    """
    same = [gate for gate in known if (gate.line, gate.test) == (place.line, place.test)]
    fitting = tuple(gate for gate in same if _meet(gate, place))
    is_named = any(gate.module for gate in same)
    is_own = any(gate.module == place.module for gate in fitting)
    return () if place.module and is_named and not is_own else fitting


def _meet(gate: Place, place: Place) -> bool:
    analyzers = {gate.analyzer, place.analyzer} - {""}
    modules = {gate.module, place.module} - {""}
    return len(analyzers) < 2 and len(modules) < 2  # noqa: PLR2004 - two names that differ


def strictest(answers: Sequence[Answer]) -> Answer:
    """The answer of all gates together; without any gate the result is held."""
    if not answers:
        return NO_GATE
    return max(answers, key=lambda answer: _STRICTNESS.index(answer.admission))
