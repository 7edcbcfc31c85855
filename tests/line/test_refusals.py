"""A person sees who was refused on a line, and why, until the analyzer is connected again."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from middleware.line.refusals import tell_refusal
from middleware.observe.events import ConnectionSeen
from middleware.observe.health import Health
from middleware.observe.log import configure
from middleware.transport.base import ConnectionOutcome
from tests.kit.fake_clock import FakeClock


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the log says, from here on."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


def test_a_refusal_by_tls_says_which_check_refused_whom(clock: FakeClock) -> None:
    """The sentence is the one that a technician reads first."""
    health = Health(clock)
    refused = ConnectionOutcome.REFUSED_TLS
    tell_refusal(health, "chem-1", refused, "10.1.2.9", "it showed no certificate [no_certificate]")
    (warning,) = health.current()
    assert warning.code.value == "tls-refused"
    assert "10.1.2.9" in warning.text
    assert "no_certificate" in warning.text
    tell_refusal(health, "chem-1", ConnectionOutcome.ACCEPTED, "10.1.2.3", "")
    assert health.current() == []


def test_the_reason_of_a_refusal_is_in_the_log(logged: io.StringIO) -> None:
    """Whoever reads the log afterwards finds the same word."""
    ConnectionSeen("chem-1", "refused_tls", "its public key is none of `pins` [wrong_pin]").emit()
    ConnectionSeen("chem-1", "replaced").emit()
    first, second = logged.getvalue().splitlines()
    assert "wrong_pin" in first
    assert "reason" not in second
