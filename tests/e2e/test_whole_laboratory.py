"""Eight analyzers, a LIS that changes its mind, a kill -9 and an outage of the LIS: every order comes back once.

`LABWIRE_TUBES=2000` makes it the long run, `LABWIRE_SEED` another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from emulators.null_modem import NullModem
from emulators.oracle import Book
from emulators.order_oracle import (
    Deed,
    Did,
    OrderedTest,
    OrderVerdict,
    judge_orders,
    read_book,
    read_message,
)
from emulators.specimens import PANELS
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_lis import PlainLis

TUBES = int(os.environ.get("LABWIRE_TUBES", "80"))
SEED = int(os.environ.get("LABWIRE_SEED", "7"))
LIMIT_S = 60 + TUBES * 0.6
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2 * LIMIT_S + 60)]

OUTAGE_S = 3.0
BAUD = 115200
RERUN_ABOVE = {"CREA": 95.0, "FERR": 326.0, "VITD": 110.0}  # of values spread evenly: a fifth
ASTM = {"chem-1": "chem", "chem-2": "chem", "chem-3": "chem", "count-1": "count"}
SERIAL = {"immuno-1": "immuno", "immuno-2": "immuno"}
LAW = {"law-1": "cardiac", "law-2": "vitamins"}
UNASKED = frozenset(("count-1", "law-2"))


class Loop:
    """The node, its LIS, two cables, and the plan of the laboratory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lis = PlainLis().start()
        self.orders_port = free_port()
        self.book = folder / "book.jsonl"
        self.cables = {name: NullModem(BAUD) for name in SERIAL}
        for cable in self.cables.values():
            cable.start()
        self.ports = {name: free_port() for name in (*ASTM, *LAW)}
        for menu, tests in PANELS.items():
            rows = "".join([f"{one.code},*,{one.unit},{one.code}\n" for one in tests])
            table = f"test_code,test_detail,unit,lis_code\n{rows}"
            (folder / f"{menu}.csv").write_text(table, encoding="utf-8")
        (folder / "plan.toml").write_text(self._plan(), encoding="utf-8")
        self.node = NodeProcess(
            folder,
            [],
            self.lis.port,
            connector_extra=f'orders = {{ port = {self.orders_port} }}\norder_status = "sc"',
            extra="\n".join([*self._lines(), *_rerun_rules()]),
        )

    def start(self) -> None:
        self.node.start()
        words = ("laboratory", str(self.folder / "plan.toml"), "--book", str(self.book))
        self.emulated = subprocess.Popen(
            [sys.executable, "-m", "emulators", *words, "--seconds", str(LIMIT_S)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        if self.emulated.poll() is None:
            self.emulated.kill()
        self.emulated.wait()
        self.node.stop()
        self.lis.stop()
        for cable in self.cables.values():
            cable.close()

    def restart_hard(self) -> None:
        self.node.kill()
        with Book(self.book) as book:
            book.write(Deed("node", Did.KILLED, OrderedTest("", "")).row())
        self.node.start()

    def deeds(self) -> list[Deed]:
        return read_book(self.book) if self.book.exists() else []

    def count(self, did: Did) -> int:
        return sum(one.did is did for one in self.deeds())

    def verdict(self, released: list[Deed]) -> OrderVerdict:
        read = [read_message(one.payload) for one in self.lis.first_arrivals()]
        came = [one for values, _ in read for one in values]
        told = [one for _, statuses in read for one in statuses]
        return judge_orders([*self.deeds(), *released], came, told)

    def _lines(self) -> Iterator[str]:
        for name, menu in {**ASTM, **SERIAL, **LAW}.items():
            driver = "generic_law" if name in LAW else "generic_astm"
            if name in SERIAL:
                port = self.cables[name].names[0]
                where = f'type = "serial", port = "{port}", baud = {BAUD}, retry_first_s = 0.2'
            else:
                where = f'type = "tcp_listen", host = "127.0.0.1", port = {self.ports[name]}'
            download = 'download = "on_order", download_retry_s = 1, ' if name in UNASKED else ""
            yield (
                f'[[line]]\nid = "{name}"\ndriver = "{driver}"\nrelease = "auto"\n'
                f'codes = "{menu}.csv"\ntransport = {{ {where} }}\n'
                f'orders = {{ {download}unordered = "hold" }}\n'
            )

    def _plan(self) -> str:
        limits = ", ".join(f"{test} = {limit}" for test, limit in RERUN_ABOVE.items())
        head = f'orders = "127.0.0.1:{self.orders_port}"\ncount = {TUBES}\nprefix = "LAB-"\nseed = {SEED}'
        parts = [f"{head}\nrerun_above = {{ {limits} }}\n"]
        for name, menu in {**ASTM, **SERIAL, **LAW}.items():
            where = (
                f'serial = "{self.cables[name].names[1]}"\nbaud = {BAUD}'
                if name in SERIAL
                else f'tcp = "127.0.0.1:{self.ports[name]}"'
            )
            speaks = "law" if name in LAW else "astm"
            more = "asks = false\n" if name in UNASKED else ""
            more += (
                "measure_s = 0.5\n" if name == "law-2" else ""
            )  # so that a cancel finds it there
            more += "refuse_every = 5\n" if name == "law-1" else ""
            parts.append(
                f'[[station]]\nname = "{name}"\nspeaks = "{speaks}"\npanel = "{menu}"\n{where}\n{more}'
            )
        return "\n".join(parts)


def _rerun_rules() -> Iterator[str]:
    for test, limit in RERUN_ABOVE.items():
        yield f'[[reflex]]\nwhen = {{ test = "{test}", above = {limit} }}\nrerun = true\n'


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    made = Loop(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.close()


def wait_for(enough: Callable[[], bool], timeout_s: float = LIMIT_S) -> None:
    until = time.monotonic() + timeout_s
    while not enough():
        assert time.monotonic() < until
        time.sleep(0.2)


def to_be_rerun(loop: Loop) -> set[OrderedTest]:
    """What the site's rules say of the first values."""
    first = [one for one in loop.deeds() if one.did is Did.MEASURED and one.run == 1]
    return {one.test for one in first if float(one.value) > RERUN_ABOVE.get(one.test.code, 1e9)}


def released_by_a_person(loop: Loop) -> list[Deed]:
    """Of what was measured once more by rule a person takes the newest value."""
    held = loop.node.listing("results", "list", "--state", "held", "--limit", "10000")
    chosen = {
        OrderedTest(row["sample_id"], row["test_code"]): row
        for row in sorted(held, key=lambda row: int(row["id"]))
        if "rerun" in {one["code"] for one in row["findings"]}
    }
    ids = [str(row["id"]) for row in chosen.values()]
    words = ("--reason", "the second value counts", "--yes-all", str(len(ids)))
    done = loop.node.command("results", "release", *ids, *words)
    assert done.returncode == 0, done.stderr
    return [
        Deed("a person", Did.RELEASED, test, "", row["value_raw"]) for test, row in chosen.items()
    ]


def test_every_order_of_a_whole_laboratory_comes_back_once(loop: Loop) -> None:
    """Cancels, add-ons, reruns and refusals; the LIS is away for a while, the node dies twice."""
    drawn = Random(SEED)
    wait_for(lambda: loop.count(Did.ORDERED) > TUBES * drawn.uniform(0.5, 2))
    loop.restart_hard()
    wait_for(lambda: loop.count(Did.MEASURED) > TUBES)
    loop.lis.stop()
    time.sleep(OUTAGE_S)
    loop.lis.start()
    wait_for(lambda: loop.count(Did.MEASURED) > TUBES * drawn.uniform(2, 6))
    loop.restart_hard()
    said, _ = loop.emulated.communicate(timeout=LIMIT_S)
    assert loop.emulated.returncode == 0, [said, *loop.verdict([]).lines()]
    assert f"{loop.count(Did.MEASURED)} results sent" in said

    released = released_by_a_person(loop)
    assert {one.test for one in released} == to_be_rerun(loop)
    loop.lis.wait_for(lambda _: not loop.verdict(released).broken())
    verdict = loop.verdict(released)
    print(*verdict.lines(), sep="\n")
    assert verdict.is_good, verdict.lines()
    for kind in (Did.CANCELLED, Did.REFUSED, Did.RELEASED):
        assert verdict.counts[kind], verdict.lines()
