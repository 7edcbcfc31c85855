"""A proved TLS connection carries bytes as a plain one does: in order, in bounds, and never past the encryption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.damping import MOST_BARREN
from middleware.transport.tls_context import TlsFilesBad
from middleware.transport.tls_layer import TlsLayer
from middleware.wire.events import MessageReceived
from tests.kit.throwaway_ca import TlsWorld, Wanted, put
from tests.kit.tls_bench import Connection, DialBench, ListenBench
from tests.kit.tls_peer import MemoryPeer, client_context, server_context

pytestmark = pytest.mark.slow  # elliptic curves: some milliseconds each


def listening(world: TlsWorld) -> ListenBench:
    return ListenBench(world.settings(world.node))


def connected(world: TlsWorld, newest: str = "1.3") -> tuple[ListenBench, Connection]:
    bench = listening(world)
    return bench, bench.call(client_context(world.ca, world.analyzer, newest))


@pytest.mark.parametrize("newest", ["1.2", "1.3"])
def test_bytes_go_both_ways(tls_world: TlsWorld, newest: str) -> None:
    """The usual case, in both versions."""
    bench, connection = connected(tls_world, newest)
    link = bench.owner.links[0]
    link.replies.append((b"\x06", []))
    connection.give(connection.peer.encrypted(b"\x05"))
    assert link.received == [b"\x05"]
    assert connection.heard() == b"\x06"
    assert bench.owner.states == [TransportState.LISTENING, TransportState.OPEN]
    assert bench.owner.shims[0].bytes_in == 1


def test_what_a_peer_sends_with_its_last_handshake_message_waits_for_the_judgement(
    tls_world: TlsWorld,
) -> None:
    """TLS 1.3 lets a client speak before we have judged its certificate: a stranger's bytes are never read."""
    for identity, received in (
        (tls_world.analyzer, [b"first"]),
        (tls_world.second, None),
    ):
        bench = ListenBench(tls_world.settings(tls_world.node, pins=[tls_world.analyzer.pin]))
        connection = bench.connect(client_context(tls_world.ca, identity))
        peer, wire = connection.peer, connection.wire
        peer.work()
        connection.give(peer.outgoing.read())
        peer.incoming.write(wire.value())
        wire.clear()
        peer.work()
        assert peer.is_established
        peer.tls.write(b"first")
        connection.give(peer.outgoing.read())
        assert [link.received for link in bench.owner.links] == ([received] if received else [])


def test_nothing_is_written_in_the_clear(tls_world: TlsWorld) -> None:
    """The shim writes directly only to a class that has the method: the layer has none, whatever lies below."""
    assert not hasattr(TlsLayer, "writeSomeData")
    bench, connection = connected(tls_world)
    secret = b"1H|" + b"RESULT" * 20
    bench.owner.shims[0].send_message(secret)
    written = connection.wire.value()
    assert written
    assert b"RESULT" not in written
    assert connection.heard() == secret


def test_keep_alive_and_user_timeout_are_those_of_the_socket_below(tls_world: TlsWorld) -> None:
    """A peer that loses power is noticed under TLS as well."""
    _, connection = connected(tls_world)
    options = connection.wire.handle.options
    assert options[-1] and options[-2]
    assert {3, 2, 9000} <= set(options.values())


def test_messages_of_one_read_are_taken_one_after_another_and_before_the_end(
    tls_world: TlsWorld,
) -> None:
    """An analyzer sends three messages in one write and hangs up; each is committed before the next is looked at."""
    bench, connection = connected(tls_world)
    link, shim = bench.owner.links[0], bench.owner.shims[0]
    for number in (1, 2, 3):
        link.replies.append((b"", [MessageReceived(number, b"H|\r", b"wire")]))
    link.is_awaiting_commit = True
    connection.give(
        connection.peer.encrypted(b"one", b"two", b"three") + connection.peer.farewell()
    )
    assert link.received == [b"one"]
    assert connection.wire.is_resting
    for number, expected in ((1, 2), (2, 3)):
        assert shim.commit(number)
        link.is_awaiting_commit = True
        bench.reactor.advance(0)
        assert len(link.received) == expected
        assert bench.owner.closed == []
    shim.commit(3)
    bench.reactor.advance(0)
    connection.end_if_closed()
    assert link.received == [b"one", b"two", b"three"]
    assert connection.heard() == b"\x06\x06\x06"
    assert bench.owner.outcomes[-1] is ConnectionOutcome.LOST


def test_a_commit_within_the_read_itself_keeps_the_order(tls_world: TlsWorld) -> None:
    """A store that answers at once must not turn two messages round."""
    bench, connection = connected(tls_world)
    link, shim = bench.owner.links[0], bench.owner.shims[0]
    link.replies.append((b"", [MessageReceived(1, b"H|\r", b"wire")]))

    def commit_at_once(_shim: object, _events: object) -> None:
        link.is_awaiting_commit = True
        shim.commit(1)

    bench.owner.events_arrived = commit_at_once  # type: ignore[method-assign]
    connection.give(connection.peer.encrypted(b"one", b"two"))
    bench.reactor.advance(0)
    assert link.received == [b"one", b"two"]
    assert not connection.wire.is_resting


def test_reading_rests_while_the_peer_does_not_take_our_bytes(tls_world: TlsWorld) -> None:
    """A peer that sends and never reads cannot make us hoard replies."""
    bench, connection = connected(tls_world)
    link, wire = bench.owner.links[0], connection.wire
    link.replies.extend([(b"a" * 100, []), (b"b", [])])
    wire.room = 10
    connection.give(connection.peer.encrypted(b"1", b"2"))
    assert wire.is_resting
    assert link.received == [b"1"]
    wire.room = None
    wire.producer.resumeProducing()
    bench.reactor.advance(0)
    assert link.received == [b"1", b"2"]
    assert not wire.is_resting
    assert connection.heard() == b"a" * 100 + b"b"


def test_a_large_message_is_sent_whole(tls_world: TlsWorld) -> None:
    """100 kB are several records of TLS."""
    bench, connection = connected(tls_world)
    message = bytes(range(256)) * 400
    bench.owner.shims[0].send_message(message)
    assert connection.heard() == message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(cuts=st.lists(st.integers(1, 3000), max_size=12))
def test_where_the_network_cuts_makes_no_difference(
    tls_world: TlsWorld, cuts: Sequence[int]
) -> None:
    """Handshake and messages arrive whole or in any pieces: the same connection, the same bytes."""
    bench = listening(tls_world)
    connection = bench.connect(client_context(tls_world.ca, tls_world.analyzer))
    peer = connection.peer
    for _ in range(4):
        peer.work()
        give_in_pieces(connection, peer.outgoing.read(), cuts)
        peer.incoming.write(connection.wire.value())
        connection.wire.clear()
    give_in_pieces(connection, peer.encrypted(b"one" * 300, b"two"), cuts)
    assert b"".join(bench.owner.links[0].received) == b"one" * 300 + b"two"


def give_in_pieces(connection: Connection, data: bytes, cuts: Sequence[int]) -> None:
    start = 0
    for cut in sorted({cut for cut in cuts if cut < len(data)} | {len(data)}):
        if data[start:cut]:
            connection.give(data[start:cut])
        start = cut


def test_byte_by_byte_is_as_good_as_whole(tls_world: TlsWorld) -> None:
    """The slowest network there is."""
    bench = listening(tls_world)
    connection = bench.connect(client_context(tls_world.ca, tls_world.analyzer))
    for _ in range(4):
        connection.peer.work()
        data = connection.peer.outgoing.read()
        give_in_pieces(connection, data, range(1, len(data)))
        connection.peer.incoming.write(connection.wire.value())
        connection.wire.clear()
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(noise=st.binary(min_size=1, max_size=4000), begins_as_tls=st.booleans())
def test_noise_is_refused_with_a_word(
    tls_world: TlsWorld, noise: bytes, begins_as_tls: bool
) -> None:
    """Whatever a stranger sends instead of a handshake: no shim, and an end within ten seconds."""
    bench = listening(tls_world)
    connection = bench.connect(client_context(tls_world.ca))
    connection.give(b"\x16\x03\x01" + noise if begins_as_tls else noise)
    bench.reactor.advance(11)
    assert bench.owner.outcomes == [ConnectionOutcome.REFUSED_TLS]
    assert bench.owner.shims == []
    assert bench.reactor.getDelayedCalls() == []


def test_bytes_that_were_changed_on_the_way_end_the_connection(tls_world: TlsWorld) -> None:
    """Somebody in the middle: not a byte of the record is read, and the line says that TLS broke."""
    bench, connection = connected(tls_world)
    record = bytearray(connection.peer.encrypted(b"R|1|^^^GLU|5.4\r"))
    record[-1] ^= 1
    connection.give(bytes(record))
    assert bench.owner.links[0].received == []
    assert bench.owner.outcomes[-1] is ConnectionOutcome.LOST
    assert "TLS ended" in bench.owner.reasons[0]


def test_our_end_is_told_to_the_peer(tls_world: TlsWorld) -> None:
    """Stopping sends close_notify, so the peer knows that nothing was cut off."""
    bench, connection = connected(tls_world)
    bench.owner.shims[0].close("stopped")
    assert connection.wire.disconnecting
    connection.peer.incoming.write(connection.wire.value())
    assert connection.peer.tls.read(1) == b""  # an orderly end, and no error
    connection.end_if_closed()
    assert bench.owner.reasons == ["stopped"]


# -- files that change ----------------------------------------------------------------------------


def own_files(world: TlsWorld, folder: Path) -> dict[str, object]:
    for identity, source in (("own.pem", world.node.certificate), ("own.key", world.node.key)):
        put(source, folder / identity)
    return {
        "certificate": folder / "own.pem",
        "key": folder / "own.key",
        "peers": world.ca.file,
    }


def test_a_renewed_certificate_counts_from_the_next_connection(
    tls_world: TlsWorld, tmp_path: Path
) -> None:
    """No restart: what is connected stays, who connects sees the new certificate."""
    bench = ListenBench(own_files(tls_world, tmp_path))
    context = client_context(tls_world.ca, tls_world.analyzer)
    old = bench.call(context)
    put(tls_world.second.certificate, tmp_path / "own.pem")
    put(tls_world.second.key, tmp_path / "own.key")
    new = bench.call(context)
    shown = [one.peer.tls.getpeercert()["subject"] for one in (old, new)]
    assert shown == [((("commonName", "node"),),), ((("commonName", "second"),),)]


def test_files_that_do_not_fit_leave_the_old_ones_in_force(
    tls_world: TlsWorld, tmp_path: Path
) -> None:
    """Between writing the certificate and writing its key an analyzer may connect."""
    bench = ListenBench(own_files(tls_world, tmp_path))
    context = client_context(tls_world.ca, tls_world.analyzer)
    put(tls_world.second.certificate, tmp_path / "own.pem")
    assert bench.call(context).peer.tls.getpeercert()["subject"] == ((("commonName", "node"),),)
    put(tls_world.second.key, tmp_path / "own.key")
    assert bench.call(context).peer.tls.getpeercert()["subject"] == ((("commonName", "second"),),)


def test_an_authority_that_is_taken_out_is_trusted_no_more(
    tls_world: TlsWorld, tmp_path: Path
) -> None:
    """`peers` is read again like our own files."""
    peers = tmp_path / "peers.pem"
    peers.write_bytes(tls_world.ca.file.read_bytes() + tls_world.other_ca.file.read_bytes())
    bench = ListenBench({**tls_world.settings(tls_world.node), "peers": peers})
    context = client_context(tls_world.ca, tls_world.stranger)
    bench.call(context)
    peers.write_bytes(tls_world.ca.file.read_bytes())
    bench.call(context)
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED, ConnectionOutcome.REFUSED_TLS]


def test_a_certificate_may_be_trusted_by_itself(tls_world: TlsWorld) -> None:
    """`peers` may hold the analyzer's own certificate where nobody has an authority."""
    settings = {**tls_world.settings(tls_world.node), "peers": tls_world.analyzer.certificate}
    bench = ListenBench(settings)
    bench.call(client_context(tls_world.ca, tls_world.analyzer))
    bench.call(client_context(tls_world.ca, tls_world.second))
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED, ConnectionOutcome.REFUSED_TLS]


def test_a_line_without_usable_files_says_which_file(tls_world: TlsWorld, tmp_path: Path) -> None:
    """It cannot listen; the words name the file and quote nothing of it."""
    files = own_files(tls_world, tmp_path)
    for name, text, words in (
        ("own.key", tls_world.second.key.read_text(), "does not belong to the certificate"),
        ("own.pem", "-----BEGIN PRIVATE KEY-----\nSECRET\n", "PEM"),
        ("own.pem", None, "No such file"),
    ):
        if text is None:
            (tmp_path / name).unlink()
        else:
            (tmp_path / name).write_text(text)
        with pytest.raises(TlsFilesBad, match=words) as raised:
            ListenBench(files)
        assert "own.pem" in str(raised.value)
        assert "SECRET" not in str(raised.value)


def test_a_key_with_a_password_is_told_and_nobody_is_asked(tls_world: TlsWorld) -> None:
    """OpenSSL would ask the terminal, and the node would stand still."""
    locked = tls_world.ca.issue(Wanted("locked", password=b"geheim"))
    with pytest.raises(TlsFilesBad, match="password"):
        ListenBench(tls_world.settings(locked))


def test_a_dialler_waits_for_its_files(tls_world: TlsWorld, tmp_path: Path) -> None:
    """It shows why it does not dial, and dials when the files are there."""
    missing = tmp_path / "later.pem"
    bench = DialBench({**tls_world.settings(tls_world.node), "peers": missing})
    assert bench.owner.states == [TransportState.DIALLING, TransportState.WAITING]
    assert bench.reactor.tcpClients == []
    put(tls_world.ca.file, missing)
    bench.reactor.advance(1.1)
    bench.answer(server_context(tls_world.lis, tls_world.ca))
    assert bench.owner.states[-1] is TransportState.OPEN


def test_stopping_in_the_middle_of_a_handshake_leaves_nothing_behind(tls_world: TlsWorld) -> None:
    """No timer, no socket, and nobody is told of a refusal."""
    bench = DialBench(tls_world.settings(tls_world.node))
    ours = bench.reactor.tcpClients[-1][2].buildProtocol(None)
    connection = Connection(ours, connection_peer(tls_world))
    bench.dialler.stop()
    assert connection.wire.disconnected
    connection.lose()
    assert bench.reactor.getDelayedCalls() == []
    assert bench.owner.outcomes == []
    assert bench.owner.states[-1] is TransportState.STOPPED


def connection_peer(world: TlsWorld) -> MemoryPeer:
    return MemoryPeer(server_context(world.lis), is_server=True)


# -- storms ---------------------------------------------------------------------------------------


def test_a_storm_of_strangers_does_not_make_the_analyzer_wait(tls_world: TlsWorld) -> None:
    """Turns are for those who proved themselves; a stranger has none."""
    bench = listening(tls_world)
    for _ in range(MOST_BARREN + 5):
        bench.call(client_context(tls_world.ca, tls_world.stranger))
    bench.call(client_context(tls_world.ca, tls_world.analyzer))
    assert bench.owner.outcomes[-1] is ConnectionOutcome.ACCEPTED


def test_an_analyzer_that_flaps_gets_its_turn_and_loses_no_byte(tls_world: TlsWorld) -> None:
    """Damped after its handshake; what it sent meanwhile reaches the line."""
    bench = listening(tls_world)
    context = client_context(tls_world.ca, tls_world.analyzer)
    for _ in range(MOST_BARREN):
        bench.call(context).lose()
    waiting = bench.call(context)
    assert bench.owner.outcomes[-1] is ConnectionOutcome.DAMPED
    waiting.give(waiting.peer.encrypted(b"\x05", b"more"))
    bench.reactor.advance(1.1)
    assert b"".join(bench.owner.links[-1].received) == b"\x05more"
    waiting.give(waiting.peer.encrypted(b"!"))
    assert bench.owner.links[-1].received[-1] == b"!"
    bench.owner.shims[-1].send_message(b"\x06")
    assert waiting.heard() == b"\x06"
