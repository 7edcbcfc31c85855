"""Whatever comes over a LAW connection: an answer or silence, never a crash, never unbounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.errors import DriverError
from middleware.wire.events import MessageReceived
from middleware.wire.mllp import encode_block
from tests.kit.law_messages import (
    ANSWERED,
    CONTEXT,
    OBR,
    ORC,
    SAC,
    SPM,
    generic_law,
    obx,
    query,
    results,
)

DRIVER = generic_law()
GOOD = (query(), results(SPM, SAC, OBR, ORC, obx()))
_SEGMENTS = (
    "PID|||1",
    SPM,
    SAC,
    OBR,
    ORC,
    obx(),
    "NTE|1||X",
    "INV|R^^99|OK|CO",
    "TCD|G|^1^:^2",
    "OBX",
    "ORC",
    "",
)

MANGLED = st.builds(
    lambda text, at, new: text[: at % len(text)] + new + text[at % len(text) + len(new) :],
    st.sampled_from(GOOD),
    st.integers(0, 2000),
    st.binary(min_size=1, max_size=6),
)


@given(st.one_of(st.binary(max_size=200), MANGLED))
@settings(max_examples=60, deadline=None)
def test_no_bytes_make_the_driver_crash(text: bytes) -> None:
    """DriverError at the most; the link always has an answer to a message that was stored."""
    DRIVER.kind(text)
    DRIVER.identify(text)
    DRIVER.complaint_about(text, "M-1")
    for call in (DRIVER.decode, DRIVER.negative_answers):
        try:
            call(text, CONTEXT if call == DRIVER.decode else ANSWERED)  # type: ignore[arg-type]
        except DriverError as error:
            assert str(error)


@given(
    st.one_of(st.binary(min_size=1, max_size=100), MANGLED),
    st.lists(st.integers(1, 60), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_the_conversation_is_the_same_however_the_bytes_are_cut(
    text: bytes, cuts: list[int]
) -> None:
    """Whole, in pieces, or byte by byte: the same replies."""
    data = encode_block(text)
    assert _heard(data, [len(data)]) == _heard(data, [1]) == _heard(data, cuts or [7])


def _heard(data: bytes, sizes: list[int]) -> bytes:
    link = DRIVER.make_link({})
    link.connection_made(0.0)
    heard, at, turn = b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pending = link.receive_bytes(data[at : at + size], 0.0)
        while pending:
            event = pending.pop(0)
            if isinstance(event, MessageReceived):
                pending += link.commit(event.token, 0.0)
        heard += link.bytes_to_send()
        at, turn = at + size, turn + 1
    return heard


@given(st.lists(st.sampled_from(_SEGMENTS), max_size=14))
@settings(max_examples=100, deadline=None)
def test_segments_in_any_order_never_lend_a_specimen_to_another_group(segments: list[str]) -> None:
    """A result has the id of the specimen before it in its own group, or none; there is only one id here."""
    try:
        envelope = DRIVER.decode(results(*segments), CONTEXT)
    except DriverError:
        return
    has_specimen = any(one.startswith(("SPM", "SAC")) for one in segments)
    for result in envelope.results:
        assert result.specimen.sample_id in (("2603140001", "") if has_specimen else ("",))
