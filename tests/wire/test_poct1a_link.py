"""The POCT1-A link as COMPUTER: the conversation, acknowledgement after the commit, times, hostile peers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.wire.events import (
    AcknowledgementConfirmed,
    FrameRefused,
    MessageAbandoned,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    SessionClosed,
    SessionOpened,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.link import EndingLink, Link
from middleware.wire.poct1a import Poct1aLink, Poct1aOptions, Role
from tests.kit.poct1a_peer import connected, greeted
from tests.kit.poct1a_texts import (
    acknowledgement,
    end_of_topic,
    hello,
    observation,
    status,
    text,
)


def test_the_basic_conversation_ends_by_itself() -> None:
    """Hello, status, observations, control, end of topic, end: the way of a glucometer in its cradle."""
    peer = greeted()
    assert peer.answers == ["AA 1", "AA 2"]
    assert peer.names() == ["REQ.R01"]
    peer.accept_last()
    peer.send(observation(4))
    peer.send(observation(5, root="OBS.R02"))
    peer.send(end_of_topic(6))
    assert peer.answers[2:] == ["AA 4", "AA 5", "AA 6"]
    assert peer.names() == ["REQ.R01", "END.R01"]
    assert isinstance(peer.accept_last()[-1], SessionClosed)
    assert peer.link.is_finished
    assert [isinstance(one, SessionOpened) for one in peer.events].count(True) == 1


def test_the_text_handed_over_says_whose_observation_it_is() -> None:
    """Only the hello names the analyzer, so it stands before each message; the wire bytes are the message's own."""
    peer = greeted()
    (event,) = [one for one in peer.send(b"\r\n" + observation(4)) if hasattr(one, "wire")]
    assert isinstance(event, MessageReceived)
    assert event.text == hello() + b"\n" + observation(4)
    assert event.wire == observation(4)


def test_nothing_is_accepted_before_the_commit() -> None:
    """Promise 1; what follows is held meanwhile, and read afterwards."""
    peer = greeted()
    peer.is_committing = False
    (event,) = peer.send(observation(4))
    peer.send(observation(5) + end_of_topic(6))
    assert peer.answers == ["AA 1", "AA 2"]
    assert peer.link.is_awaiting_commit
    assert isinstance(event, MessageReceived)
    peer.is_committing = True
    peer.take(peer.link.commit(event.token, 1.0))
    assert peer.answers[2:] == ["AA 4", "AA 5", "AA 6"]
    assert peer.link.commit(event.token, 1.0) == []


def test_what_cannot_be_stored_is_refused_and_stays_with_the_analyzer() -> None:
    """AE, and the conversation goes on."""
    peer = greeted()
    peer.is_committing = False
    (event,) = peer.send(observation(4))
    assert isinstance(event, MessageReceived)
    (refused,) = peer.take(peer.link.refuse(event.token, 1.0))
    assert isinstance(refused, FrameRefused)
    assert peer.answers[-1] == "AE 4"


def test_a_commit_that_takes_too_long_is_answered_by_a_refusal() -> None:
    """The analyzer waits about ten seconds and must not be left without an answer."""
    peer = greeted()
    peer.is_committing = False
    peer.send(observation(4))
    events = peer.wait(8.1)
    assert isinstance(events[0], TimerExpired)
    assert peer.answers[-1] == "AE 4"


def test_the_next_message_confirms_the_acknowledgement_and_the_same_one_does_not() -> None:
    """So that a repetition is known as one (DESIGN 8.6)."""
    peer = greeted()
    peer.send(observation(4))
    again = peer.send(observation(4))
    assert not any(isinstance(one, AcknowledgementConfirmed) for one in again)
    assert isinstance(peer.send(end_of_topic(5))[0], AcknowledgementConfirmed)


@pytest.mark.parametrize(
    ("quantity", "asked"), [("0", False), ("2", True), ("", True), ("x", True)]
)
def test_observations_are_asked_for_unless_there_are_none(quantity: str, asked: bool) -> None:
    """Where the analyzer does not say, it is asked."""
    assert greeted(observations=quantity).names() == (["REQ.R01"] if asked else ["END.R01"])


def test_continuous_mode_asks_listens_and_keeps_alive() -> None:
    """START_CONTINUOUS instead of END; a status asks again; silence is probed, twice unanswered ends it."""
    peer = greeted(Poct1aOptions(is_continuous=True), observations="0")
    assert peer.names() == ["DTV.R01"]
    peer.accept_last()
    assert peer.link.state_name == "continuous"
    peer.send(observation(4))
    assert peer.answers[-1] == "AA 4"
    peer.send(status(5, "1"))
    assert peer.names()[-1] == "REQ.R01"
    peer.send(observation(6))
    peer.send(end_of_topic(7))
    assert peer.link.state_name == "continuous"
    peer.send(text("KPA.R01", 8))
    assert peer.answers[-1] == "AA 8"
    assert peer.wait(30.0) == []  # half of the 60 s that the hello named
    assert peer.names()[-1] == "KPA.R01"
    peer.accept_last()
    peer.wait(30.0)
    peer.wait(10.0)
    assert peer.names()[-2:] == ["KPA.R01", "KPA.R01"]
    assert isinstance(peer.wait(10.0)[-1], SessionClosed)
    assert peer.link.is_finished


def test_events_and_the_clock_are_asked_for_where_the_line_says_so() -> None:
    """SET_TIME first, then observations, then events."""
    options = Poct1aOptions(
        asks_events=True, sets_time=True, moment=lambda: "2026-03-14T09:30:08+01:00"
    )
    peer = connected(options)
    peer.send(hello() + status(events="3"))
    assert peer.names() == ["DTV.R02"]
    assert b'<TM.dttm V="2026-03-14T09:30:08+01:00"/>' in peer.written
    peer.accept_last()
    peer.send(end_of_topic(5))
    assert peer.names() == ["DTV.R02", "REQ.R01", "REQ.R01"]
    peer.send(text("EVS.R01", 6, '<EVT><EVT.description V="battery"/></EVT>'))
    peer.send(end_of_topic(7))
    assert peer.answers[-2:] == ["AA 6", "AA 7"]
    assert peer.names()[-1] == "END.R01"


def test_an_answer_with_another_control_id_is_no_answer() -> None:
    """The conversation does not advance on it."""
    peer = greeted(Poct1aOptions(is_continuous=True), observations="0")
    peer.send(acknowledgement(5, 77))
    assert peer.link.state_name == "asking for continuous mode"
    assert peer.link.counts()["received", "unmatched_reply"] == 1


@pytest.mark.parametrize("options", [Poct1aOptions(), Poct1aOptions(is_continuous=True)])
def test_an_analyzer_that_never_answers_is_given_up(options: Poct1aOptions) -> None:
    """Each of our messages waits its time, then the conversation ends."""
    peer = greeted(options)
    for _ in range(10):
        peer.wait(10.0)
    assert peer.link.is_finished
    assert any(isinstance(one, TimerExpired) for one in peer.events)


def test_an_analyzer_without_status_is_asked_all_the_same() -> None:
    """Silence after the hello is no reason to leave its results there."""
    peer = connected()
    peer.send(hello(timeout="60"))
    assert isinstance(peer.wait(60.0)[0], TimerExpired)
    assert peer.names() == ["REQ.R01"]


def test_a_repeated_hello_begins_the_conversation_anew() -> None:
    """The analyzer was restarted behind its access point."""
    peer = greeted()
    peer.send(hello(9))
    assert peer.link.state_name == "waiting for the analyzer's status"
    peer.send(status(10))
    assert peer.names() == ["REQ.R01", "REQ.R01"]


def test_the_end_is_acknowledged_at_any_time() -> None:
    """Also as TERM, the old spelling."""
    for root in ("END.R01", "TERM.R01"):
        peer = connected()
        peer.send(text(root, 5))
        assert peer.answers == ["AA 5"]
        assert peer.link.is_finished


def test_what_is_not_expected_is_refused_with_a_note_and_changes_nothing() -> None:
    """Requests of the analyzer, vendor messages, a status before the hello."""
    peer = connected()
    peer.send(status(2))
    assert peer.answers == ["AE 2"]
    assert b"HEL.R01 is expected first" in peer.written
    peer.send(hello(3))
    peer.send(text("NOVA.REAG", 4))
    assert peer.answers[-1] == "AE 4"
    assert peer.link.state_name == "waiting for the analyzer's status"


def test_observations_before_the_hello_need_a_tolerance() -> None:
    """Named by the generic driver, for nothing is lost by taking them."""
    strict, tolerant = connected(), connected(Poct1aOptions(quirks=frozenset({"hello_missing"})))
    strict.send(observation(4))
    tolerant.send(observation(4))
    assert strict.answers == ["AE 4"]
    assert tolerant.answers == ["AA 4"]
    assert tolerant.texts() == [observation(4)]
    assert tolerant.link.counts()["quirk", "hello_missing"] == 1


def test_headers_as_attributes_need_a_tolerance() -> None:
    """Otherwise the message is refused, with the reason."""
    message = b'<HEL.R01><HDR control_id="7"/></HEL.R01>'
    strict, tolerant = connected(), connected(Poct1aOptions(quirks=frozenset({"attribute_style"})))
    strict.send(message)
    tolerant.send(message)
    assert strict.answers == ["AE 7"]
    assert tolerant.answers == ["AA 7"]


def test_while_nothing_can_be_stored_observations_are_refused_at_once() -> None:
    """The rest of the conversation goes on."""
    peer = greeted()
    peer.link.set_accepting(False)
    (event,) = peer.send(observation(4))
    assert isinstance(event, SessionRefused)
    assert peer.answers[-1] == "AE 4"


def test_a_document_that_cannot_be_read_is_kept_and_refused() -> None:
    """Findable for a person, never accepted; refused by its control id where that can be made out."""
    peer = greeted()
    events = peer.send(b"<OBS.R01><HDR></OBS.R01>")
    assert [type(one) for one in events] == [FrameRefused, MessageReceived]
    assert peer.answers[-1] == "AE "
    peer.send(observation(44).replace(b"<PT>", b"<PT"))
    assert peer.answers[-1] == "AE 44"
    assert peer.send(observation(5))
    assert peer.answers[-1] == "AA 5"


def test_a_connection_lost_in_the_middle_keeps_what_came() -> None:
    """Nothing of it was acknowledged, so the analyzer sends it again; a person can still look."""
    peer = greeted()
    peer.is_committing = False
    peer.send(observation(4))
    peer.send(observation(5) + status(6) + observation(7)[:-4])
    events = peer.link.connection_lost(1.0)
    kept = [one for one in events if isinstance(one, MessageAbandoned)]
    assert [one.reason for one in kept] == ["connection_lost", "connection_lost"]
    assert [one.wire for one in kept] == [observation(5), observation(7)[:-4]]
    assert peer.link.state_name == "not connected"
    peer.link.connection_made(2.0)
    assert peer.link.state_name == "waiting for hello"


def test_silence_inside_a_document_gives_it_up() -> None:
    """A pulled cable without an end of the connection."""
    peer = greeted()
    peer.accept_last()
    peer.send(observation(4)[:-4])
    events = peer.wait(30.0)
    assert [type(one) for one in events] == [TimerExpired, MessageAbandoned]
    peer.send(observation(4))
    assert peer.answers[-1] == "AA 4"


def test_an_endless_document_is_refused_once_and_held_within_its_limit() -> None:
    """No memory for it, a clear event, and the line goes on after its end."""
    peer = greeted(Poct1aOptions(max_message_bytes=5000))
    events = peer.send(b"<OBS.R01>" + b"<a/>" * 2000)
    assert [one.reason for one in events if isinstance(one, FrameRefused)] == ["message_too_long"]
    assert peer.send(b"<a/>" * 5000) == []
    peer.send(b"</OBS.R01>" + observation(5))
    assert peer.answers[-2:] == ["AE ", "AA 5"]


def test_bytes_beyond_what_may_be_held_are_dropped() -> None:
    """A peer that sends on while we store."""
    peer = greeted(Poct1aOptions(max_message_bytes=1000))
    peer.is_committing = False
    peer.send(observation(4))
    events = [event for _ in range(30) for event in peer.send(b"x" * 65536)]
    assert [one.reason for one in events if isinstance(one, FrameRefused)] == ["held_bytes_overrun"]


def test_as_instrument_the_owner_sends_and_hears_the_outcome() -> None:
    """For emulators: AA delivers, AE and silence do not, and what the host sends is handed over."""
    link = Poct1aLink(Poct1aOptions(role=Role.INSTRUMENT))
    link.connection_made(0.0)
    first, second, third = (link.send_message(text("DST.R01", n), 0.0) for n in (1, 2, 3))
    assert link.bytes_to_send() == text("DST.R01", 1)
    (event,) = link.receive_bytes(acknowledgement(1, 1), 0.0)
    assert isinstance(event, MessageDelivered)
    assert event.send_id == first
    (event,) = link.receive_bytes(acknowledgement(2, 2, "AE"), 0.0)
    assert event == MessageNotDelivered(second, "refused", event.clause)  # type: ignore[union-attr]
    events = link.on_deadline(10.0)
    assert events[-1] == MessageNotDelivered(third, "no_reply", "POCT1-A2 DML, ACK.R01")
    (event,) = link.receive_bytes(text("REQ.R01", 5), 11.0)
    assert isinstance(event, MessageReceived)
    link.bytes_to_send()
    link.commit(event.token, 11.0)
    assert b'<ACK.ack_control_id V="5"/>' in link.bytes_to_send()


def test_the_link_is_one_that_its_owner_may_close() -> None:
    """The shim asks for it by interface."""
    link: Link = Poct1aLink()
    assert isinstance(link, EndingLink)


SESSION = b"".join(
    [
        hello(),
        status(observations="2"),
        acknowledgement(3, 3),
        observation(4),
        b" noise ",
        observation(5, value="6.1"),
        b"<OBS.R01><bad></OBS.R01>",
        text("KPA.R01", 6),
        end_of_topic(7),
        text("END.R01", 8),
    ]
)


def _played(pieces: list[bytes]) -> tuple[list[str], list[bytes], list[str]]:
    peer = connected(Poct1aOptions(is_continuous=True))
    for piece in pieces:
        peer.send(piece)
    return peer.answers, peer.texts(), peer.names()


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, len(SESSION)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_conversation_does_not_depend_on_the_cuts_of_its_reads(cuts: list[int]) -> None:
    """Whole, in pieces or byte by byte: the same answers and the same messages."""
    places = sorted({0, len(SESSION), *cuts})
    pieces = [SESSION[a:b] for a, b in zip(places, places[1:], strict=False)]  # noqa: RUF007
    assert _played(pieces) == _played([SESSION])


@pytest.mark.slow
def test_byte_by_byte_is_the_same_conversation() -> None:
    """As above, at its extreme."""
    assert _played([bytes([byte]) for byte in SESSION]) == _played([SESSION])


@pytest.mark.slow
@given(
    data=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([hello(), status(), observation(4), end_of_topic(5), b"<OBS.R01>"]),
            st.integers(0, 9).map(lambda n: acknowledgement(9, n)),
            st.sampled_from([text(root, 6) for root in ("KPA.R01", "ESC.R01", "END.R01", "X.Y")]),
        ),
        max_size=25,
    ),
    is_continuous=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_no_order_of_messages_and_bytes_makes_the_link_raise(
    data: list[bytes], is_continuous: bool
) -> None:
    """Whatever a peer does, at any moment of time; and when it falls silent, nothing waits for it for ever."""
    peer = connected(Poct1aOptions(is_continuous=is_continuous))
    for piece in data:
        peer.send(piece)
        peer.wait(7.0)
    for _ in range(30):
        peer.wait(120.0)
    assert peer.link.state_name in ("ended", "waiting for hello")
    assert peer.link.next_deadline() is None
    peer.take(peer.link.connection_lost(peer.now))
