"""Who is refused by TLS, and that each refusal says which check refused it."""

from __future__ import annotations

import ssl

import pytest

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.tls import MOST_HANDSHAKES
from tests.kit.throwaway_ca import TlsWorld
from tests.kit.tls_bench import Connection, DialBench, ListenBench
from tests.kit.tls_peer import MemoryPeer, client_context, server_context

pytestmark = pytest.mark.slow  # elliptic curves: some milliseconds each


def refused(bench: ListenBench | DialBench) -> str:
    """The word of the one refusal; no shim was ever made for it."""
    assert bench.owner.outcomes == [ConnectionOutcome.REFUSED_TLS]
    assert bench.owner.shims == []
    (detail,) = bench.owner.details
    return detail.rpartition("[")[2].rstrip("]")


@pytest.mark.parametrize("newest", ["1.2", "1.3"])
@pytest.mark.parametrize(
    ("who", "word"),
    [
        ("stranger", "wrong_authority"),
        ("expired", "expired"),
        ("early", "not_yet_valid"),
        (None, "no_certificate"),
    ],
)
def test_a_peer_that_cannot_prove_itself_never_reaches_the_line(
    tls_world: TlsWorld, who: str | None, word: str, newest: str
) -> None:
    """Wrong authority, out of date, or nothing at all: refused in the handshake, each with its reason."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    identity = getattr(tls_world, who) if who else None
    bench.call(client_context(tls_world.ca, identity, newest))
    assert refused(bench) == word
    assert bench.owner.states == [TransportState.LISTENING]


def test_another_analyzer_with_a_good_certificate_is_refused_by_its_key(
    tls_world: TlsWorld,
) -> None:
    """The authority signs a whole laboratory; a pin says which of its machines this line is for."""
    bench = ListenBench(tls_world.settings(tls_world.node, pins=[tls_world.analyzer.pin]))
    bench.call(client_context(tls_world.ca, tls_world.second))
    assert refused(bench) == "wrong_pin"
    assert tls_world.second.pin in bench.owner.details[0]


def test_two_pins_stand_side_by_side_while_a_key_is_renewed(tls_world: TlsWorld) -> None:
    """The old and the new key both work until the old one is taken out."""
    pins = [tls_world.analyzer.pin, tls_world.second.pin]
    for identity in (tls_world.analyzer, tls_world.second):
        bench = ListenBench(tls_world.settings(tls_world.node, pins=pins))
        bench.call(client_context(tls_world.ca, identity))
        assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED]


def test_a_peer_that_connects_must_carry_the_expected_name(tls_world: TlsWorld) -> None:
    """`peer_name` of a listening line is compared with the names of the certificate."""
    settings = tls_world.settings(tls_world.node, peer_name="Analyzer-1.lab")
    bench = ListenBench(settings)
    bench.call(client_context(tls_world.ca, tls_world.second))
    assert refused(bench) == "wrong_name"
    good = ListenBench(settings)
    good.call(client_context(tls_world.ca, tls_world.analyzer))
    assert good.owner.outcomes == [ConnectionOutcome.ACCEPTED]


def test_tls_1_1_is_refused_whatever_its_certificate(tls_world: TlsWorld) -> None:
    """Old versions can be broken; the word says that it is the version."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    bench.call(client_context(tls_world.ca, tls_world.analyzer, "1.1"))
    assert refused(bench) == "old_version"


def test_a_site_may_ask_for_tls_1_3(tls_world: TlsWorld) -> None:
    """`lowest_version` is obeyed."""
    bench = ListenBench(tls_world.settings(tls_world.node, lowest_version="1.3"))
    bench.call(client_context(tls_world.ca, tls_world.analyzer, "1.2"))
    assert refused(bench) == "old_version"


@pytest.mark.parametrize("said", [b"\x05", b"\x0bMSH|", b"<HEL.R01>", b"GET / HTTP/1.1\r\n\r\n"])
def test_plain_text_on_a_tls_port_is_told_at_its_first_byte(
    tls_world: TlsWorld, said: bytes
) -> None:
    """An analyzer that is not set to TLS says ENQ and waits: OpenSSL would wait for more."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    connection = bench.connect(client_context(tls_world.ca))
    connection.give(said)
    assert refused(bench) == "plain_text"
    assert connection.wire.disconnecting


def test_tls_on_a_plain_port_is_told(tls_world: TlsWorld) -> None:
    """The other way round: the line hears a handshake instead of its protocol."""
    bench = ListenBench(None)
    connection = bench.call(client_context(tls_world.ca))
    assert bench.owner.outcomes[-1] is ConnectionOutcome.LOST
    assert ConnectionOutcome.REFUSED_TLS in bench.owner.outcomes
    assert "tls_unexpected" in bench.owner.details[0]
    assert bench.owner.links[0].received == []
    assert connection.wire.disconnected


def test_a_peer_that_answers_our_plain_text_with_an_alert_speaks_tls(tls_world: TlsWorld) -> None:
    """The LIS's port wants TLS, and the connector has no `tls` table."""
    bench = DialBench(None)
    connection = Connection(bench.reactor.tcpClients[-1][2].buildProtocol(None), None)
    connection.give(b"\x15\x03\x01\x00\x02\x02\x16")
    assert "tls_unexpected" in bench.owner.details[0]
    assert bench.owner.links[0].received == []
    assert connection.wire.disconnected


def test_a_plain_line_hears_every_byte_of_its_analyzer() -> None:
    """Looking for TLS in the first read changes nothing for those who do not speak it."""
    bench = ListenBench(None)
    connection = bench.connect(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    for piece in (b"\x16", b"\x16\x03\x01", b"\x15\x03", b"\x05"):
        connection.give(piece)
    assert bench.owner.links[0].received == [b"\x16", b"\x16\x03\x01", b"\x15\x03", b"\x05"]


def test_a_handshake_that_does_not_end_is_ended_after_ten_seconds(tls_world: TlsWorld) -> None:
    """Somebody connects and says a little, for ever."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    connection = bench.connect(client_context(tls_world.ca))
    connection.give(b"\x16\x03")
    bench.reactor.advance(9.9)
    assert bench.owner.outcomes == []
    bench.reactor.advance(0.2)
    assert refused(bench) == "timed_out"
    assert connection.wire.disconnecting
    assert bench.reactor.getDelayedCalls() == []


def test_a_peer_that_hangs_up_in_the_handshake_is_counted(tls_world: TlsWorld) -> None:
    """A port scanner, or a peer that does not like our certificate and says nothing."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    bench.connect(client_context(tls_world.ca)).lose()
    assert refused(bench) == "broken_off"
    assert bench.reactor.getDelayedCalls() == []


def test_strangers_who_wait_cannot_keep_the_analyzer_out(tls_world: TlsWorld) -> None:
    """Half-open handshakes are bounded, and the oldest makes room."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    context = client_context(tls_world.ca, tls_world.analyzer)
    for _ in range(MOST_HANDSHAKES + 3):
        bench.connect(context)
    assert bench.owner.outcomes == [ConnectionOutcome.REFUSED_TLS] * 3
    assert "crowded_out" in bench.owner.details[0]
    bench.call(context)
    assert bench.owner.outcomes[-1] is ConnectionOutcome.ACCEPTED


@pytest.mark.parametrize("policy", ["replace", "refuse"])
def test_who_fails_the_handshake_does_not_touch_the_connection_that_is_there(
    tls_world: TlsWorld, policy: str
) -> None:
    """A stranger must not be able to throw the analyzer out by connecting."""
    bench = ListenBench(tls_world.settings(tls_world.node), second_connection=policy)
    bench.call(client_context(tls_world.ca, tls_world.analyzer))
    bench.call(client_context(tls_world.ca, tls_world.stranger))
    bench.connect(client_context(tls_world.ca)).give(b"\x05")
    bench.connect(client_context(tls_world.ca))
    assert bench.owner.closed == []
    assert bench.owner.outcomes[0] is ConnectionOutcome.ACCEPTED
    assert set(bench.owner.outcomes[1:]) == {ConnectionOutcome.REFUSED_TLS}
    assert bench.owner.states == [TransportState.LISTENING, TransportState.OPEN]


def test_the_analyzer_that_comes_back_replaces_its_old_connection(tls_world: TlsWorld) -> None:
    """The policy of second connections counts for those who proved themselves."""
    bench = ListenBench(tls_world.settings(tls_world.node))
    context = client_context(tls_world.ca, tls_world.analyzer)
    bench.call(context)
    bench.call(context)
    assert ConnectionOutcome.REPLACED in bench.owner.outcomes
    assert bench.owner.closed == [bench.owner.shims[0]]


def test_a_second_connection_is_refused_after_its_handshake(tls_world: TlsWorld) -> None:
    """`second_connection = "refuse"`: the first stays."""
    bench = ListenBench(tls_world.settings(tls_world.node), second_connection="refuse")
    context = client_context(tls_world.ca, tls_world.analyzer)
    bench.call(context)
    second = bench.call(context)
    assert bench.owner.outcomes[-1] is ConnectionOutcome.REFUSED_BUSY
    assert len(bench.owner.shims) == 1
    assert second.wire.disconnecting


def test_encryption_alone_asks_nobody_for_a_certificate(tls_world: TlsWorld) -> None:
    """`client_certificate = "not_asked"`, for analyzers that have none."""
    settings = tls_world.settings(tls_world.node, client_certificate="not_asked")
    bench = ListenBench(settings)
    bench.call(client_context(tls_world.ca))
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED]


@pytest.mark.parametrize(
    ("who", "word"),
    [("stranger", "wrong_authority"), ("expired", "expired"), ("elsewhere", "wrong_name")],
)
def test_we_do_not_talk_to_a_peer_that_is_not_the_one_we_dialled(
    tls_world: TlsWorld, who: str, word: str
) -> None:
    """Somebody else answers under the address of the analyzer or the LIS."""
    bench = DialBench(tls_world.settings(tls_world.node))
    bench.answer(server_context(getattr(tls_world, who)))
    assert refused(bench) == word
    assert bench.owner.states == [TransportState.DIALLING, TransportState.WAITING]


def test_a_dialled_peer_is_known_by_its_key(tls_world: TlsWorld) -> None:
    """A pin instead of a name: for peers whose certificates carry none that could be dialled."""
    settings = tls_world.settings(tls_world.node, pins=[tls_world.elsewhere.pin])
    good = DialBench(settings)
    good.answer(server_context(tls_world.elsewhere, tls_world.ca))
    assert good.owner.outcomes == [ConnectionOutcome.ACCEPTED]
    bad = DialBench(settings)
    bad.answer(server_context(tls_world.lis, tls_world.ca))
    assert refused(bad) == "wrong_pin"


def test_a_dialled_peer_may_carry_a_name_of_its_own(tls_world: TlsWorld) -> None:
    """`peer_name` where the certificate was not made for the address that we dial."""
    bench = DialBench(tls_world.settings(tls_world.node, peer_name="elsewhere.example"))
    bench.answer(server_context(tls_world.elsewhere))
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED]


def test_a_dialled_peer_of_an_old_version_is_refused(tls_world: TlsWorld) -> None:
    """The version is the reason, not "handshake failure"."""
    bench = DialBench(tls_world.settings(tls_world.node))
    bench.answer(server_context(tls_world.lis, newest="1.1"))
    assert refused(bench) == "old_version"


def test_a_dialled_peer_that_speaks_in_the_clear_is_told(tls_world: TlsWorld) -> None:
    """The LIS's port is not the one with TLS."""
    bench = DialBench(tls_world.settings(tls_world.node))
    ours = bench.reactor.tcpClients[-1][2].buildProtocol(None)
    Connection(ours, MemoryPeer(server_context(tls_world.lis), is_server=True)).give(b"\x15")
    assert bench.owner.outcomes == []  # 15 hex may begin an alert; the next byte decides
    ours.dataReceived(b"MSH|^~\\&|")
    assert refused(bench) == "plain_text"


@pytest.mark.parametrize("newest", ["1.2", "1.3"])
@pytest.mark.parametrize(
    ("own", "word"), [(None, "peer_wants_certificate"), ("stranger", "peer_refuses_certificate")]
)
def test_we_say_why_the_peer_did_not_want_us(
    tls_world: TlsWorld, own: str | None, word: str, newest: str
) -> None:
    """Our certificate is missing or not to the peer's liking: its alert is put into words."""
    bench = DialBench(tls_world.settings(getattr(tls_world, own) if own else None))
    bench.answer(server_context(tls_world.lis, tls_world.ca, newest))
    if newest == "1.2":
        expected = {"peer_wants_certificate": "peer_refuses"}.get(word, word)
        assert refused(bench) == expected
    else:  # the refusal comes when our side of the handshake is over (RFC 8446 section 4.4.2)
        accepted, outcome = bench.owner.outcomes
        assert (accepted, outcome) == (ConnectionOutcome.ACCEPTED, ConnectionOutcome.REFUSED_TLS)
        assert f"[{word}]" in bench.owner.details[0]
        assert bench.owner.links[0].received == []
