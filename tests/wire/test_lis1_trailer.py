"""The quirk `trailer_incomplete`: CR LF is no deviation, LF alone or CR alone is one, and cutting tells nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.wire.events import (
    Event,
    FrameRefused,
    MessageAbandoned,
    MessageReceived,
    SessionClosed,
    SessionOpened,
)
from middleware.wire.lis1 import Lis1Link, Lis1Options, encode_frame, encode_message
from middleware.wire.lis1.constants import TRAILER_SILENCE_S
from tests.kit.lis1_peer import (
    ACK,
    ENQ,
    EOT,
    NAK,
    NOW,
    RESULT,
    committed,
    feed,
    only,
    ready_link,
    texts_of,
    tolerant_link,
)

QUIRK = "trailer_incomplete"
FRAMES = encode_message(RESULT)
WHOLE = encode_frame(1, RESULT)
CR_ALONE, LF_ALONE = WHOLE[:-1], WHOLE[:-2] + b"\n"
BARE = b"\x021" + RESULT + b"\x03"  # no checksum digits
DUE = NOW + TRAILER_SILENCE_S
TRAILERS = [b"\r\n", b"\r", b"\n", b"\n\r"]
CHECKSUMS = [(), ("checksum_absent",)]


def opened(*quirks: str) -> Lis1Link:
    """A link with the quirk, in a session that the peer opened; its ACK is taken."""
    link = tolerant_link(QUIRK, *quirks)
    link.receive_bytes(ENQ, NOW)
    assert link.bytes_to_send() == ACK
    return link


def uses(link: Lis1Link) -> int:
    """How often the quirk was needed."""
    return link.counts().get(("quirk", QUIRK), 0)


def frames_with(trailer: bytes, without_digits: bool = False) -> bytes:
    """The frames of the message with another end than CR LF."""
    cut = 4 if without_digits else 2
    return b"".join(frame[:-cut] + trailer for frame in FRAMES)


def played(data: bytes, places: list[int], *quirks: str) -> tuple[list[Event], bytes, object]:
    """All that is seen from outside when `data` comes cut at these places and no time passes."""
    link = tolerant_link(QUIRK, *quirks)
    events: list[Event] = []
    for start, end in pairwise(sorted({0, len(data), *places})):
        events += feed(link, data[start:end])
    out, deadline = link.bytes_to_send(), link.next_deadline()
    events += link.connection_lost(NOW)
    return events, out, (deadline, dict(link.counts()))


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_well_formed_frame_needs_no_tolerance_however_it_is_cut(cut: int) -> None:
    """A line that may be tolerant counts only what it had to tolerate, also when CR and LF come apart."""
    link = opened()
    assert link.receive_bytes(WHOLE[:-cut], NOW) == []
    (message,) = link.receive_bytes(WHOLE[-cut:], NOW)
    assert isinstance(message, MessageReceived)
    assert message.quirks == ()
    assert uses(link) == 0


def test_a_line_feed_alone_ends_the_frame_at_once() -> None:
    """Nobody waits for what the analyzer leaves out."""
    link = opened()
    (message,) = link.receive_bytes(LF_ALONE, NOW)
    assert isinstance(message, MessageReceived)
    assert (message.text, message.quirks) == (RESULT, (QUIRK,))
    assert committed(link, link.receive_bytes(b"\r", NOW)) == []
    link.commit(message.token, NOW)
    assert feed(link, EOT)[-1] == SessionClosed()
    assert link.bytes_to_send() == ACK


@pytest.mark.parametrize("then", [EOT, ENQ, b"\x02", b"\r", b"x"])
def test_a_carriage_return_and_another_byte_end_the_frame_there(then: bytes) -> None:
    """The byte shows that no LF comes, and is looked at as what comes next."""
    link = opened()
    assert link.receive_bytes(CR_ALONE, NOW) == []
    events = feed(link, then)
    assert texts_of(events) == [RESULT]
    assert only(events, MessageReceived)[0].quirks == (QUIRK,)
    assert bool(only(events, SessionClosed)) is (then in (EOT, ENQ))
    assert bool(only(events, SessionOpened)) is (then == ENQ)
    assert texts_of(feed(link, b"" if then == EOT else WHOLE[1:])) == []
    assert uses(link) == 1


def test_a_carriage_return_and_silence_end_the_frame() -> None:
    """An analyzer that waits for its answer says nothing more; the answer comes 0.2 s later."""
    link = opened()
    assert link.receive_bytes(CR_ALONE, NOW) == []
    assert link.next_deadline() == DUE
    (message,) = link.on_deadline(DUE)
    assert isinstance(message, MessageReceived)
    assert (message.text, message.quirks) == (RESULT, (QUIRK,))
    assert message.wire == ENQ + CR_ALONE
    assert link.bytes_to_send() == b""
    link.commit(message.token, DUE)
    assert link.bytes_to_send() == ACK
    assert uses(link) == 1


def test_a_line_feed_after_the_silence_is_swallowed() -> None:
    """It was late, not absent: the next frame is read as ever."""
    link = opened()
    now = NOW
    for frame in FRAMES:
        link.receive_bytes(frame[:-1], now)
        now += TRAILER_SILENCE_S
        committed(link, link.on_deadline(now), now)
        assert link.bytes_to_send() == ACK
        assert link.receive_bytes(b"\n", now) == []
    assert link.bytes_to_send() == b""
    assert link.counts()["received", "ok"] == len(FRAMES)


def test_a_line_feed_that_comes_while_the_message_is_stored_is_swallowed() -> None:
    """Held unread, it is noise when it is read."""
    link = opened()
    link.receive_bytes(CR_ALONE, NOW)
    (message,) = only(link.on_deadline(DUE), MessageReceived)
    link.receive_bytes(b"\n" + EOT, DUE)
    events = link.commit(message.token, DUE)
    assert [type(event).__name__ for event in events][-1] == "SessionClosed"
    assert link.bytes_to_send() == ACK


def test_the_silence_counts_from_the_carriage_return() -> None:
    """Calls that bring no bytes neither shorten nor lengthen it."""
    link = opened()
    link.receive_bytes(CR_ALONE, NOW)
    for early in (NOW, NOW + 0.1, DUE - 0.001):
        assert link.on_deadline(early) == []
        assert link.commit(7, early) == []
        assert link.receive_bytes(b"", early) == []
        assert link.next_deadline() == DUE
    assert texts_of(link.on_deadline(DUE)) == [RESULT]


def test_the_receive_timer_does_not_give_up_a_frame_that_lacks_its_line_feed() -> None:
    """Whichever time is asked first, the frame is taken."""
    for late in (DUE, DUE + 60):
        link = ready_link(options=Lis1Options(quirks=frozenset({QUIRK}), receive_s=0.1))
        link.receive_bytes(ENQ + CR_ALONE, NOW)
        assert link.on_deadline(NOW + 0.1) == []
        assert texts_of(link.on_deadline(late)) == [RESULT]


def test_silence_before_the_trailer_ends_no_frame() -> None:
    """Only the CR after the checksum may stand for the whole line end."""
    for missing in range(2, 6):
        link = opened()
        link.receive_bytes(WHOLE[:-missing], NOW)
        assert link.next_deadline() == NOW + 30
        assert link.on_deadline(NOW + 29) == []
        assert texts_of(feed(link, WHOLE[-missing:], NOW + 29)) == [RESULT]


def test_a_wrong_checksum_is_refused_after_the_silence() -> None:
    """The tolerance is for the line end; what stands before it is checked as ever."""
    link = opened()
    link.receive_bytes(CR_ALONE.replace(b"5.4", b"9.4"), NOW)
    (refused,) = link.on_deadline(DUE)
    assert isinstance(refused, FrameRefused)
    assert refused.reason == "checksum_wrong"
    assert link.bytes_to_send() == NAK
    link.receive_bytes(b"\n", DUE)
    assert texts_of(feed(link, WHOLE, DUE)) == [RESULT]


def test_a_frame_that_is_too_long_is_refused_after_the_silence() -> None:
    """Also when its beginning is no longer kept."""
    link = ready_link(options=Lis1Options(quirks=frozenset({QUIRK}), max_frame_text=50))
    for byte in ENQ + CR_ALONE:
        link.receive_bytes(bytes((byte,)), NOW)
    assert link.next_deadline() == DUE
    assert only(link.on_deadline(DUE), FrameRefused)[0].reason == "frame_too_long"
    assert link.bytes_to_send() == ACK + NAK


def test_a_line_that_is_lost_during_the_silence_gives_no_message() -> None:
    """The frame was not acknowledged, so the analyzer still has it."""
    link = opened()
    link.receive_bytes(FRAMES[0], NOW)
    link.receive_bytes(FRAMES[1][:-1], NOW)
    (abandoned, closed) = link.connection_lost(NOW + 0.1)
    assert isinstance(abandoned, MessageAbandoned)
    assert abandoned.wire == ENQ + FRAMES[0] + FRAMES[1][:-1]
    assert closed == SessionClosed()
    assert link.next_deadline() is None
    link.connection_made(NOW)
    assert texts_of(feed(link, ENQ + WHOLE)) == [RESULT]


def test_the_resend_of_a_refused_frame_may_end_otherwise() -> None:
    """Where numbers say nothing a resend is known by its look, and its line end is no part of that."""
    for first, again in ((CR_ALONE, WHOLE), (WHOLE, LF_ALONE), (LF_ALONE, CR_ALONE)):
        link = opened("frame_number_constant")
        events = link.receive_bytes(first, NOW) + link.on_deadline(DUE)
        link.refuse(only(events, MessageReceived)[0].token, DUE)
        assert texts_of(feed(link, again + EOT, DUE)) == [RESULT]


@pytest.mark.parametrize("trailer", [b"\r", b"\n"])
def test_the_strict_line_refuses_as_before(trailer: bytes) -> None:
    """Nobody tolerates what the profile does not name: no silence, no message."""
    link = ready_link()
    assert texts_of(feed(link, ENQ + WHOLE[:-2] + trailer)) == []
    assert link.next_deadline() == NOW + 30
    assert texts_of(feed(link, EOT)) == []


def test_a_frame_without_checksum_and_line_feed_ends_by_silence_too() -> None:
    """STX, number, text, ETX, CR: both tolerances at once."""
    link = opened("checksum_absent")
    assert link.receive_bytes(BARE + b"\r", NOW) == []
    assert link.next_deadline() == DUE
    (message,) = only(link.on_deadline(DUE), MessageReceived)
    assert message.quirks == ("checksum_absent", QUIRK)


def test_a_frame_without_checksum_but_with_its_line_end_needs_one_tolerance() -> None:
    """CR LF after ETX is whole."""
    link = opened("checksum_absent")
    (message,) = only(feed(link, BARE + b"\r\n"), MessageReceived)
    assert message.quirks == ("checksum_absent",)
    assert uses(link) == 0


def test_without_a_session_the_last_frame_ends_by_silence() -> None:
    """No EOT follows that could show it."""
    link = tolerant_link(QUIRK, "session_absent")
    assert texts_of(feed(link, frames_with(b"\r"))) == []
    events = committed(link, link.on_deadline(DUE), DUE)
    assert texts_of(events) == [RESULT]
    assert events[-1] == SessionClosed()
    assert link.is_neutral
    assert link.receive_bytes(b"\n", DUE) == []
    assert link.is_neutral


@pytest.mark.parametrize("quirks", CHECKSUMS, ids=["digits", "no digits"])
@pytest.mark.parametrize("behind", [b"", EOT, ENQ, EOT + ENQ], ids=["", "EOT", "ENQ", "EOT ENQ"])
@pytest.mark.parametrize("trailer", TRAILERS, ids=["CR LF", "CR", "LF", "LF CR"])
def test_whole_and_bytewise_tell_the_same(
    trailer: bytes, behind: bytes, quirks: tuple[str, ...]
) -> None:
    """Whatever the line end and whatever comes behind it."""
    data = ENQ + frames_with(trailer, bool(quirks)) + behind
    whole = played(data, [], *quirks)
    assert played(data, list(range(len(data))), *quirks) == whole
    is_complete = bool(behind) or trailer != b"\r"
    assert texts_of(whole[0]) == ([RESULT] if is_complete else [])


@pytest.mark.slow
@settings(max_examples=200)
@given(
    ends=st.lists(st.sampled_from([*TRAILERS, b"\r\r\n", b"", b"\r\0"]), min_size=5, max_size=5),
    behind=st.sampled_from([b"", EOT, ENQ, b"\x02", EOT + ENQ + WHOLE]),
    cuts=st.lists(st.integers(0, 400), max_size=9),
    quirks=st.sampled_from([*CHECKSUMS, ("session_absent",), ("frame_number_constant",)]),
)
def test_any_mixture_of_line_ends_tells_the_same_however_it_is_cut(
    ends: list[bytes], behind: bytes, cuts: list[int], quirks: tuple[str, ...]
) -> None:
    """One analyzer may mix them; the cuts of the line may not decide."""
    cut = 4 if "checksum_absent" in quirks else 2
    frames = [frame[:-cut] + end for frame, end in zip(FRAMES, ends, strict=True)]
    data = ENQ + b"".join(frames) + behind
    whole = played(data, [], *quirks)
    assert played(data, [at % len(data) for at in cuts], *quirks) == whole
    assert played(data, list(range(len(data))), *quirks) == whole
