"""Objects made without validation are the objects that validation would have made."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest
from pydantic import ValidationError

from middleware.model import Patient, ResultValue, Specimen, ValueKind, proven

MADE = {
    "a number": (ResultValue, {"kind": ValueKind.NUMBER, "raw": "5.4", "number": Decimal("5.4")}),
    "every field": (
        Patient,
        {"identifiers": (), "name": "Exempel^Vera", "birth_date": "", "sex": "F"},
    ),
    "nothing": (Specimen, {}),
}


@pytest.mark.parametrize(("model", "values"), MADE.values(), ids=MADE)
def test_a_proven_object_is_equal_to_a_validated_one(
    model: type, values: dict[str, object]
) -> None:
    """Whoever gets one cannot tell how it was made: equal, same hash, same text, same JSON."""
    made, validated = proven(model)(**values), model(**values)
    assert made == validated
    assert hash(made) == hash(validated)
    assert repr(made) == repr(validated)
    assert made.model_dump_json() == validated.model_dump_json()
    assert type(made).model_validate(made.model_dump()) == made


def test_a_proven_object_can_be_copied_but_not_changed() -> None:
    """What was read from a message stays as it was read."""
    made = proven(Specimen)(sample_id="S1")
    changed = made.model_copy(update={"sample_id": "S2"})
    assert (made.sample_id, changed.sample_id, changed.position) == ("S1", "S2", "")
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
    with pytest.raises(ValidationError):
        made.sample_id = "S3"


def test_two_proven_objects_share_nothing_that_could_change() -> None:
    """One result can never colour another."""
    make = proven(Specimen)
    first, second = make(sample_id="S1"), make(sample_id="S2")
    assert first.__dict__ is not second.__dict__
    assert first != second
    assert make().model_copy(update={"carrier": "R1"}).carrier == "R1"
    assert make().carrier == ""
