"""The conversation's table is whole, and every state is entered and left."""

from __future__ import annotations

import pytest

from middleware.wire.errors import LocalProtocolError
from middleware.wire.poct1a.conversation import Conversation
from middleware.wire.poct1a.options import Poct1aOptions
from middleware.wire.poct1a.tables import TRANSITIONS, Action, Input, State

REAL = [state for state in State if state is not State.AGENDA]
AGENDA = {State.SETTING_TIME, State.OBSERVATIONS, State.EVENTS, State.STARTING_CONTINUOUS}


def test_there_is_a_row_for_every_state_and_input() -> None:
    """Nothing that an analyzer does is left to chance."""
    assert set(TRANSITIONS) == {(state, cause) for state in REAL for cause in Input}


def test_every_action_is_used_and_has_its_method() -> None:
    """No dead words in the table."""
    used = {row.action for row in TRANSITIONS.values()}
    assert used == set(Action)
    assert used - {Action.IMPOSSIBLE} == set(Conversation(Poct1aOptions())._actions)


def test_every_state_can_be_reached() -> None:
    """From the beginning, by the table and by the agenda."""
    reached, pending = {State.DISCONNECTED}, [State.DISCONNECTED]
    while pending:
        state = pending.pop()
        following = {row.next_state for (of, _), row in TRANSITIONS.items() if of is state}
        if State.AGENDA in following:
            following |= AGENDA | {State.ENDING, State.CONTINUOUS}
        pending += following - reached - {State.AGENDA}
        reached |= following
    assert reached >= set(REAL)


@pytest.mark.parametrize("state", [one for one in REAL if one is not State.DISCONNECTED])
def test_results_are_taken_in_every_state_and_loss_is_survived(state: State) -> None:
    """What was measured never waits for a state, and a broken line begins anew."""
    actions = (Action.STORE, Action.STORE_UNGREETED)
    assert TRANSITIONS[state, Input.RESULTS].action in actions
    assert TRANSITIONS[state, Input.RESULTS].next_state is state
    assert TRANSITIONS[state, Input.LOST].next_state is State.DISCONNECTED
    assert TRANSITIONS[state, Input.ENDED].next_state is State.CLOSED


def test_an_impossible_input_is_our_own_fault() -> None:
    """It is told as such and not taken for the analyzer's."""
    with pytest.raises(LocalProtocolError, match="cannot happen"):
        Conversation(Poct1aOptions()).step(Input.HELLO)
