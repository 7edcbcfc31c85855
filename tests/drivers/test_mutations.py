"""No character of a value, a unit, a code or an identifier in a case can change without its comparison failing."""

from __future__ import annotations

import pytest

from tests.kit.mutations import Case, cases, checked_places, occurrences, survivors

# What may change unnoticed, and why it may.
EXCUSED = {
    # The file ends in the middle of a value: nothing of it is read.
    "generic_astm/file_cut_short O-3.1",
    "generic_astm/file_cut_short R-3.4",
    "generic_astm/file_cut_short R-4.1",
    # The number of an order, which is no specimen's where the specimen names itself.
    "generic_hl7/specimens_with_their_own_orders OBR-2.1",
    # A pool, and two containers in one group: held already because nobody knows whose it is.
    "generic_law/results_that_need_a_person SPM-2.1",
    "generic_law/results_that_need_a_person SAC-3.1",
    # States of work, and no result that could go to another's specimen; the container's number is compared.
    "generic_law/states_without_results SPM-2.1",
}
CASES = list(cases())
pytestmark = pytest.mark.slow


def _name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_every_changed_character_is_noticed(case: Case) -> None:
    """One digit of a value, one letter of a unit, one character of a code or an identifier: the comparison fails."""
    assert set(survivors(case)) == {one for one in EXCUSED if one.startswith(f"{case.name} ")}


def test_there_is_something_to_change_in_every_case_that_has_results() -> None:
    """The check itself: a case whose values nobody finds would pass unchecked."""
    for case in CASES:
        has_results = any(message.get("results") for message in case.read(case.steps)["messages"])
        assert not has_results or _is_checked(case), case.name


def _is_checked(case: Case) -> bool:
    return bool(checked_places(case) or next(occurrences(case), None))
