"""Every recorded LIS01 session of real analyzers, played through a link: what it needs, what comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from middleware.wire.events import Event, FrameRefused, MessageAbandoned, MessageReceived
from middleware.wire.lis1 import Lis1Link, Lis1Options, Role
from tests.kit.lis1_peer import NOW, committed, feed, texts_of
from tests.kit.recordings import Recording, recordings


@dataclass(frozen=True)
class Expected:
    """What a recording must give: messages, under which tolerances; or why its frames are refused."""

    messages: int = 1
    quirks: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


LINE_END = ("trailer_incomplete",)
EXPECTED: dict[str, Expected] = {
    # altered log: the checksums are all 00 and one frame has no number
    "ahmedozmaan__cobas_e411_query_cancel_nochecksum": Expected(
        0, ("checksum_zero",), ("frame_number_missing",)
    ),
    # one frame was altered; strictly the session is refused from there on
    "ahmedozmaan__urisys1100": Expected(
        0, (), ("checksum_wrong", "frame_missing", "frame_number_wrong")
    ),
    "astm_general__erba_xl640_result": Expected(),
    "astm_general__erba_xl640_result_na": Expected(),
    "astm_general__erba_xl_multi_query": Expected(),
    # the records behind the header have digits before their letters, so no L record is there
    "astm_general__vitros3600_host_reply": Expected(1, ("terminator_missing",)),
    "astm_general__vitros3600_query": Expected(),
    "astm_general__vitros3600_results_repeat": Expected(),
    "lab_lis__access2_procalcitonin": Expected(),
    "lab_lis__mispa_nano": Expected(),
    # four frames lost their number in the capture
    "ruby-astm__biorad_d10_lossy": Expected(
        0, (), ("checksum_wrong", "frame_missing", "frame_number_wrong")
    ),
    "ruby-astm__cobas_e411_query": Expected(),
    "senaite.astm__abbott_afinion2": Expected(1, LINE_END),
    "senaite.astm__cobas_c111": Expected(1, LINE_END),
    "senaite.astm__cobas_c311": Expected(),
    "senaite.astm__dca_vantage": Expected(1, LINE_END),
    "senaite.astm__genexpert_mtb": Expected(1, LINE_END),
    "senaite.astm__sysmex_xn550": Expected(1, LINE_END),
    "senaite.astm__sysmex_xp100": Expected(1, LINE_END),
    "senaite.astm__yumizen_h500_qc": Expected(1, ("frame_number_constant", *LINE_END)),
    "vlsm-interfacing__abbott_m2000_run": Expected(8),
    "vlsm-interfacing__genexpert_vl_etb": Expected(),
    "vlsm-interfacing__roche_taqman96_nochecksum": Expected(2, ("checksum_absent",)),
}

_TEXT = re.compile(rb"\x02[0-7]([^\x02]*?)([\x03\x17])[0-9A-F]{0,2}[\r\n]", re.DOTALL)


def _all_text(recording: Recording) -> bytes:
    """What stands between STX and ETX or ETB, read by other means than ours, with CR after ETX supplied."""
    whole = b""
    for text, end in _TEXT.findall(recording.data):
        whole += text
        if end == b"\x03" and not whole.endswith(b"\r"):
            whole += b"\r"
    return whole


def _link(quirks: tuple[str, ...]) -> Lis1Link:
    link = Lis1Link(Role.COMPUTER, Lis1Options(quirks=frozenset(quirks)))
    link.connection_made(NOW)
    return link


def _played(recording: Recording, quirks: tuple[str, ...], how: str) -> list[Event]:
    """The recording as an analyzer would send it, in halves, bytewise, or all at once."""
    steps = recording.steps()
    if how == "joined":
        steps = [b"".join(steps)]
    if how == "halves":
        steps = [half for s in steps for half in (s[: len(s) // 2], s[len(s) // 2 :]) if half]
    link = _link(quirks)
    return [event for step in steps for event in feed(link, step)]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["frame by frame", "halves", "joined"])
def test_recordings_give_their_whole_text_under_the_named_quirks(how: str) -> None:
    """No byte of a record is lost or added, however the line cuts what an analyzer sends."""
    for recording in recordings("astm"):
        expected = EXPECTED[recording.name]
        events = _played(recording, expected.quirks, how)
        messages = [event for event in events if isinstance(event, MessageReceived)]
        refusals = {event.reason for event in events if isinstance(event, FrameRefused)}
        assert len(messages) == expected.messages, recording.name
        assert sorted(refusals) == sorted(expected.refusals), recording.name
        if expected.messages:
            assert b"".join(texts_of(events)) == _all_text(recording), recording.name
            assert not any(isinstance(event, MessageAbandoned) for event in events)
            used = {quirk for message in messages for quirk in message.quirks}
            assert used == set(expected.quirks), recording.name


def test_each_named_quirk_of_a_recording_is_needed() -> None:
    """A tolerance that a recording does not need is not given to it."""
    for recording in recordings("astm"):
        expected = EXPECTED[recording.name]
        for left_out in expected.quirks:
            fewer = tuple(quirk for quirk in expected.quirks if quirk != left_out)
            got = texts_of(_played(recording, fewer, "frame by frame"))
            assert len(got) < max(1, expected.messages), (recording.name, left_out)


def test_the_altered_frame_of_a_recording_is_taken_only_without_checksums() -> None:
    """One wrong frame is not passed over: all or nothing."""
    (recording,) = [one for one in recordings("astm") if one.name == "ahmedozmaan__urisys1100"]
    events = _played(recording, ("checksum_unchecked",), "frame by frame")
    assert texts_of(events) == [_all_text(recording)]


def test_recordings_without_session_open_one_by_themselves() -> None:
    """Where a file has no ENQ and EOT, the quirk `session_absent` reads it as it is."""
    for recording in recordings("astm"):
        expected = EXPECTED[recording.name]
        if b"\x05" in recording.data or not expected.messages:
            continue
        link = _link((*expected.quirks, "session_absent"))
        events = feed(link, recording.data)
        silence_until = link.next_deadline() or NOW  # the last frame may end in CR alone
        events += committed(link, link.on_deadline(silence_until), silence_until)
        assert texts_of(events) == [_all_text(recording)], recording.name
