"""The hot path stays hot: an upper bound so wide that only a wrong design breaks it."""

from __future__ import annotations

import time

import pytest

from middleware.wire.lis1 import encode_frame, encode_message
from tests.kit.lis1_peer import ENQ, EOT, NOW, feed, ready_link, texts_of, tolerant_link

RECORD = b"R|1|^^^GLU|5.4|mmol/L|3.9 to 6.1|N||F||OP7||20260314092210|ANALYZER-1\r"
FRAMES = encode_message(b"H|\\^&\r" + RECORD * 15 + b"L|1|N\r")
MOST_PER_FRAME_S = 60e-6  # about ten times what it takes on a small machine


@pytest.mark.slow
@pytest.mark.parametrize("quirks", [(), ("trailer_incomplete",)])
def test_a_good_frame_costs_a_few_microseconds(quirks: tuple[str, ...]) -> None:
    """600 sessions a second leave a frame no more than a fraction of a millisecond."""
    link = tolerant_link(*quirks)
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        feed(link, ENQ)
        for frame in FRAMES:
            feed(link, frame)
            link.bytes_to_send()
        feed(link, EOT)
        best = min(best, (time.perf_counter() - start) / len(FRAMES))
    assert best < MOST_PER_FRAME_S


@pytest.mark.slow
def test_a_long_frame_in_single_bytes_is_searched_once() -> None:
    """64,000 bytes at one byte a read must not cost 64,000 searches of the whole."""
    text = b"H|\\^&\rM|1|" + b"A" * 60_000 + b"\rL|1|N\r"
    frame = encode_frame(1, text)
    link = ready_link()
    link.receive_bytes(ENQ, NOW)
    start = time.perf_counter()
    events = [event for at in range(len(frame)) for event in feed(link, frame[at : at + 1])]
    assert texts_of(events) == [text]
    assert time.perf_counter() - start < 3.0
