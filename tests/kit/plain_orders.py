"""A LIS that orders and cancels over MLLP, and an analyzer that is given work and measures it.

Of the standard library alone, on threads of their own; they begin again after every failure. Both keep what they were
promised: the LIS what was acknowledged, the analyzer what it was given and when.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass, field

from tests.kit.plain_analyzer import ACK, ENQ, EOT, NoReply, PlainAnalyzer, Refused, frames
from tests.kit.plain_mllp import PlainMllp

TESTS = ("T01", "T02", "T03")
Ordered = tuple[str, str]
"""Sample id and test."""

_HEAD = "MSH|^~\\&|LIS|LAB|LABWIRE|LAB|20310304093000|"
_PAUSE_S = 0.05
_CHECKSUM = 2
# So many tubes take so long: the LIS is told that their tests are under way.
_SLOW, _SLOW_S = 0.2, 0.6


@dataclass
class OrderingLis(threading.Thread):
    """Orders tube after tube; of some it cancels a test a moment later.

    `ordered` and `cancelled`: what was acknowledged so, with the time at which the acknowledgement came.
    """

    port: int
    seed: int
    prefix: str = "T"
    ordered: dict[Ordered, float] = field(default_factory=dict)
    cancelled: dict[Ordered, float] = field(default_factory=dict)
    too_late: set[Ordered] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._ending = threading.Event()
        self._random = random.Random(self.seed)
        self._said = 0
        self._wire: PlainMllp | None = None

    def __hash__(self) -> int:
        return id(self)

    @property
    def tubes(self) -> list[str]:
        """The sample ids whose orders were acknowledged, the oldest first."""
        return list(dict.fromkeys(sample_id for sample_id, _ in list(self.ordered)))

    @property
    def wanted(self) -> set[Ordered]:
        """What must have a result."""
        return set(self.ordered) - set(self.cancelled)

    def stop(self) -> None:
        """After the message in hand."""
        self._ending.set()

    def run(self) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            sample_id = f"{self.prefix}{number:05d}"
            for test, code in self._say(sample_id, "NW", TESTS).items():
                assert code == "OK", (sample_id, test, code)
                self.ordered[sample_id, test] = time.monotonic()
            time.sleep(self._random.uniform(0.0, 0.1))
            if self._random.random() < 0.5:
                self._cancel(sample_id, self._random.choice(TESTS))
        self._close()

    def _cancel(self, sample_id: str, test: str) -> None:
        (code,) = self._say(sample_id, "CA", (test,)).values()
        if code == "CR":
            self.cancelled[sample_id, test] = time.monotonic()
        else:
            self.too_late.add((sample_id, test))

    def _say(self, sample_id: str, control: str, tests: tuple[str, ...]) -> dict[str, str]:
        """One message, the same until it is answered; ORC-1 of the answer for each test."""
        self._said += 1
        lines = [f"{_HEAD}|OML^O33^OML_O33|M{self._said}|D|2.5.1", f"SPM|1|{sample_id}||SER"]
        for test in tests:
            lines += [f"ORC|{control}|{sample_id}-{test}", f"OBR|1|{sample_id}-{test}||{test}^^L"]
        text = "\r".join([*lines, ""]).encode()
        while True:
            try:
                reply = self._connected().ask(text).decode()
            except (OSError, AssertionError) as error:
                self.problems.append(str(error))
                self._close()
                time.sleep(_PAUSE_S)
                continue
            codes = [line.split("|")[1] for line in reply.split("\r") if line.startswith("ORC|")]
            if f"|M{self._said}" in reply and len(codes) == len(tests):
                return dict(zip(tests, codes, strict=True))
            self.problems.append(reply)
            time.sleep(_PAUSE_S)

    def _connected(self) -> PlainMllp:
        if self._wire is None:
            wire = PlainMllp(self.port, reply_timeout_s=5.0)
            wire.__enter__()
            self._wire = wire
        return self._wire

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.__exit__(None, None, None)
            self._wire = None


@dataclass
class WorkingAnalyzer(threading.Thread):
    """Measures what it was given, whether it asked (of a tube that `lis` ordered) or was sent it.

    `given`: each test that it took with the time at which the message began; `measured`: what it sent and had
    acknowledged.
    """

    port: int
    lis: OrderingLis
    is_asking: bool
    given: list[tuple[Ordered, float]] = field(default_factory=list)
    measured: list[Ordered] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._ending = threading.Event()
        self._random = random.Random(self.lis.seed + self.is_asking)
        self._wire = PlainAnalyzer(self.port, reply_timeout_s=3.0)
        self._to_measure: dict[Ordered, None] = {}
        self._answered: set[str] = set()
        self._is_connected = False

    def __hash__(self) -> int:
        return id(self)

    def stop(self) -> None:
        """After the session in hand."""
        self._ending.set()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                self._turn()
            except (NoReply, Refused, OSError) as error:
                self.problems.append(str(error))
                self._wire.close()
                self._is_connected = False
                time.sleep(_PAUSE_S)
        self._wire.close()

    def is_done(self) -> bool:
        """It has asked for every tube, and measured everything that it was given."""
        return not self._to_measure and (not self.is_asking or self._next_tube() is None)

    def _turn(self) -> None:
        if not self._is_connected:
            self._wire.connect()
            self._is_connected = True
        sample_id = self._next_tube() if self.is_asking else None
        if self._to_measure:
            self._measure()
        elif sample_id is not None:
            self._session([b"H|\\^&", b"Q|1|^%s||ALL" % sample_id.encode(), b"L|1|N"])
            self._listen(2.0)
            self._answered.add(sample_id)
        else:
            with contextlib.suppress(TimeoutError):
                self._listen(0.1)

    def _next_tube(self) -> str | None:
        return next((one for one in self.lis.tubes if one not in self._answered), None)

    def _measure(self) -> None:
        if self._random.random() < _SLOW:
            time.sleep(_SLOW_S)
        tube = next(iter(self._to_measure))[0]
        mine = [one for one in self._to_measure if one[0] == tube]
        records = [b"H|\\^&|||PLAIN", b"P|1", b"O|1|%s||^^^ALL|R" % tube.encode()]
        records += [
            b"R|%d|^^^%s|%d.5|mmol/L||N||F" % (n, test.encode(), n)
            for n, (_, test) in enumerate(mine, 1)
        ]
        self._session([*records, b"L|1|N"])
        for one in mine:
            del self._to_measure[one]
            self.measured.append(one)

    def _session(self, records: list[bytes]) -> None:
        """Send a message; an analyzer goes before the host when both want to (LIS01-A2 6.5.2.1)."""
        for _ in range(10):
            self._wire.write(ENQ)
            reply = self._wire.read_reply()
            if reply == ACK:
                break
            if reply == ENQ:
                time.sleep(_PAUSE_S)
        else:
            raise Refused("the host did not let it send")
        for one in frames(records):
            self._wire.write(one)
            if self._wire.read_reply() != ACK:
                raise Refused("a frame was not acknowledged")
        self._wire.write(EOT)

    def _listen(self, seconds: float) -> None:
        """Take a message of the host, if one comes within so long."""
        first = self._first(seconds)
        if first != ENQ:
            return
        begun = time.monotonic()
        self._wire.write(ACK)
        text = b""
        while (one := self._wire.read_reply()) != EOT:
            if one == b"\x02":
                text += self._frame()
                self._wire.write(ACK)
        self._take(text.decode(), begun)

    def _frame(self) -> bytes:
        """The text of one frame, to the end of its line."""
        data = b""
        while not data.endswith(b"\n"):
            data += self._wire.read_reply()
        return data[1 : -(len(b"\x03\r\n") + _CHECKSUM)]

    def _first(self, seconds: float) -> bytes:
        wire = self._wire._socket
        assert wire is not None
        wire.settimeout(seconds)
        try:
            return self._wire.read_reply()
        except NoReply as error:
            if isinstance(error.__cause__, TimeoutError):
                return b""
            raise
        finally:
            wire.settimeout(self._wire.reply_timeout_s)

    def _take(self, text: str, begun: float) -> None:
        orders = [line.split("|") for line in text.split("\r") if line.startswith("O|")]
        for fields in orders:
            for test in fields[4].split("\\"):
                one = (fields[2].split("^")[0], test.lstrip("^").split("^")[0])
                if one[1]:
                    self.given.append((one, begun))
                    self._to_measure.setdefault(one)
