"""A storm of connections is damped, and an analyzer that is well is served all the same."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from middleware.transport.damping import MOST_BARREN, MOST_HELD_BYTES, WITHIN_S, Damping
from middleware.transport.pair import PairEnd, connect_pair


class Follower(Protocol):
    """Who speaks when its turn has come."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.is_lost = True


class World:
    """A damping, its clock, and who got a turn."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.damping = Damping(self.clock)
        self.followers: list[Follower] = []
        self.damped = 0

    def begin(self) -> Follower:
        self.followers.append(Follower())
        return self.followers[-1]

    def connect(self) -> PairEnd:
        """Somebody connects; its end of the wire."""
        ours = self.damping.admit(self.begin, self._count)
        return connect_pair(self.clock, _Server(ours), Protocol())[1]

    def storm(self) -> None:
        for _ in range(MOST_BARREN):
            self.damping.ended(is_barren=True)

    def _count(self) -> None:
        self.damped += 1


class _Server(Protocol):
    """Passes on to whatever protocol the transport has now, as Twisted's sockets do."""

    def __init__(self, first: Any) -> None:
        self.first = first

    def makeConnection(self, transport: Any) -> None:
        transport.protocol = self.first
        self.first.makeConnection(transport)


@pytest.fixture
def world() -> World:
    return World()


def test_a_connection_gets_its_turn_at_once(world: World) -> None:
    """Nine failures in ten seconds are no storm."""
    for _ in range(MOST_BARREN - 1):
        world.damping.ended(is_barren=True)
    world.connect().write(b"\x05")
    world.clock.advance(0)
    assert world.followers[0].heard == b"\x05"
    assert world.damped == 0


def test_an_analyzer_that_connects_for_each_message_is_never_damped(world: World) -> None:
    """Ninety-six messages in a second, each on a connection of its own."""
    for _ in range(96):
        world.connect()
        world.damping.ended(is_barren=False)
    assert (len(world.followers), world.damped) == (96, 0)


def test_in_a_storm_one_a_second_gets_its_turn_and_loses_nothing(world: World) -> None:
    """What the analyzer sent while it waited is there when its turn comes."""
    world.connect()
    world.storm()
    end = world.connect()
    end.write(b"\x05")
    world.clock.advance(0.5)
    assert (len(world.followers), world.damped) == (1, 1)
    world.clock.advance(0.5)
    world.clock.advance(0)
    assert world.followers[1].heard == b"\x05"
    end.write(b"more")
    world.clock.advance(0)
    assert world.followers[1].heard == b"\x05more"


def test_the_newest_takes_the_only_place(world: World) -> None:
    """The one before is closed, so a storm holds one socket and one timer."""
    world.connect()
    world.storm()
    ends = [world.connect() for _ in range(50)]
    world.clock.advance(0)
    assert [end.is_open for end in ends] == [False] * 49 + [True]
    assert len(world.clock.getDelayedCalls()) == 1
    world.clock.advance(1)
    assert len(world.followers) == 2


def test_a_flap_in_the_waiting_room_leaves_nothing_behind(world: World) -> None:
    """Who hangs up before its turn costs no timer afterwards."""
    world.connect()
    world.storm()
    world.connect().loseConnection()
    world.clock.advance(0)
    assert world.clock.getDelayedCalls() == []
    assert world.damping.is_storm


def test_who_sends_much_while_it_waits_is_not_read_any_further(world: World) -> None:
    """The bound of the waiting room; nothing of it is lost."""
    world.connect()
    world.storm()
    end = world.connect()
    for _ in range(4):
        end.write(b"x" * MOST_HELD_BYTES)
    world.clock.advance(0.5)
    assert end.peer is not None
    assert end.peer.is_paused
    world.clock.advance(0.6)
    world.clock.advance(0)
    assert len(world.followers[1].heard) == 4 * MOST_HELD_BYTES


def test_the_storm_is_over_after_ten_quiet_seconds(world: World) -> None:
    """Nobody has to do anything."""
    world.storm()
    assert world.damping.is_storm
    world.clock.advance(WITHIN_S)
    assert not world.damping.is_storm
    world.connect()
    assert world.damped == 0


def test_closing_lets_nobody_wait(world: World) -> None:
    """A line that stops leaves no timer."""
    world.connect()
    world.storm()
    end = world.connect()
    world.damping.close()
    world.clock.advance(0)
    assert not end.is_open
    assert world.clock.getDelayedCalls() == []
