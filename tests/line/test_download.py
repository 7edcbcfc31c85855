"""Work goes to an analyzer that did not ask: when, how often, and what the store knows afterwards."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from middleware.model import OrderAction, Priority
from middleware.observe.health import WarnableCode
from middleware.observe.metrics import REGISTRY
from middleware.store.work import Claimer, Wanted, claim
from tests.kit.download_bench import ON_ORDER, AstmDownloads, LawDownloads, lis2_driver
from tests.kit.file_bench import FileBench
from tests.kit.law_messages import header, message
from tests.kit.line_bench import ENQ, LineBench
from tests.kit.orders import claimer, request


@pytest.fixture
def astm() -> AstmDownloads:
    return AstmDownloads()


def other_line(bench: AstmDownloads, sample_id: str) -> list[str]:
    """What another analyzer gets that asks for the tube now."""
    by = claimer("chem-2")
    given = bench.writer.run(
        lambda conn: claim(conn, Wanted((sample_id,)), by, 1_930_000_000.0 + bench.clock.seconds())
    )
    return [step.lis_code for one in given for step in one.steps]


# -- as soon as it is ordered ----------------------------------------------------------------------


def test_what_is_ordered_goes_out_by_itself(astm: AstmDownloads) -> None:
    astm.plug_in()
    assert astm.run() == []
    astm.writer.give_orders(request("S1", "GLU", priority=Priority.STAT), request("S1", "UREA"))
    astm.news()
    records = astm.run()
    assert [one[0] for one in records] == ["H", "P", "O", "L"]
    fields = records[2].split("|")
    assert (fields[2], fields[4], fields[11], fields[25]) == ("S1", "^^^GLU\\^^^UREA", "N", "O")
    assert astm.states() == {"GLU": "sent", "UREA": "sent"}


def test_what_was_ordered_before_the_analyzer_connected_goes_out_when_it_does(
    astm: AstmDownloads,
) -> None:
    astm.writer.give_orders(request("S1", "GLU"))
    astm.news()
    assert astm.states() == {"GLU": "pending"}
    astm.plug_in()
    assert astm.tubes(astm.run()) == ["S1"]


def test_an_add_on_is_told_apart_from_a_new_tube(astm: AstmDownloads) -> None:
    """LIS02-A2 8.4.12: A adds to a specimen that the analyzer knows."""
    astm.writer.give_orders(request("S1", "GLU"))
    astm.plug_in()
    astm.run()
    astm.writer.give_orders(request("S1", "K"))
    astm.news()
    (order,) = [one for one in astm.run() if one.startswith("O")]
    assert order.split("|")[4] == "^^^K"
    assert order.split("|")[11] == "A"


def test_nothing_is_sent_twice(astm: AstmDownloads) -> None:
    astm.writer.give_orders(request("S1", "GLU"))
    astm.plug_in()
    assert astm.tubes(astm.run()) == ["S1"]
    astm.news()
    assert astm.run(40.0) == []


def test_only_what_the_analyzer_does_is_sent() -> None:
    bench = AstmDownloads(by=claimer(GLU="767"))
    bench.writer.give_orders(request("S1", "GLU"), request("S1", "TSH"))
    bench.plug_in()
    (order,) = [one for one in bench.run() if one.startswith("O")]
    assert order.split("|")[4] == "^^^767"
    assert bench.states() == {"GLU": "sent", "TSH": "pending"}


def test_a_line_that_is_not_set_to_it_sends_nothing_unasked() -> None:
    bench = AstmDownloads(orders={"download": "off"})
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    bench.news()
    assert bench.run(40.0) == []
    assert bench.states() == {"GLU": "pending"}


def test_a_cancelled_test_is_not_sent(astm: AstmDownloads) -> None:
    astm.writer.give_orders(request("S1", "GLU"), request("S1", "K"))
    astm.writer.give_orders(request("S1", "GLU", OrderAction.CANCEL))
    astm.plug_in()
    (order,) = [one for one in astm.run() if one.startswith("O")]
    assert order.split("|")[4] == "^^^K"


def test_a_worklist_goes_out_in_messages_of_a_rack(astm: AstmDownloads) -> None:
    """Ten tubes a message: between them the analyzer can send results."""
    tubes = [f"T{number:02}" for number in range(25)]
    astm.writer.give_orders(*[request(one, "GLU") for one in tubes])
    astm.plug_in()
    records = astm.run(10.0)
    assert astm.tubes(records) == tubes
    assert sum(one.startswith("H") for one in records) == 3


# -- an analyzer that does not take it -------------------------------------------------------------


def test_an_analyzer_that_is_off_is_asked_again_later_each_time(astm: AstmDownloads) -> None:
    """A serial line is open while its analyzer is off: ENQ without an answer (LIS01-A2 6.5)."""
    astm.writer.give_orders(request("S1", "GLU"))
    astm.is_on = False
    astm.plug_in()
    astm.run(20.0)
    assert astm.states() == {"GLU": "pending"}
    assert "does not answer" in astm.reasons()[0]
    assert other_line(astm, "S1") == ["GLU"]


def test_the_pauses_double_and_end_when_it_takes_something() -> None:
    bench = AstmDownloads()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.is_on = False
    bench.plug_in()
    bench.run(400.0)
    tries = [one["at"] for one in bench.writer.history() if one["state"] == "claimed"]
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert len(waits) >= 2
    assert waits[0] >= 30.0
    assert waits[1] >= 2 * 30.0
    bench.is_on = True
    assert bench.tubes(bench.run(300.0)) == ["S1"]
    assert bench.line.downloads.status().trouble == ""


def test_work_that_waits_goes_at_once_when_the_analyzer_connects_again() -> None:
    bench = AstmDownloads(orders={"download": "on_order", "download_retry_s": 3600.0})
    bench.writer.give_orders(request("S1", "GLU"))
    bench.is_on = False
    bench.plug_in()
    bench.run(20.0)
    bench.end.loseConnection()
    bench.turn()
    bench.is_on = True
    bench.plug_in()
    assert bench.tubes(bench.run()) == ["S1"]


def test_an_analyzer_that_speaks_again_is_not_kept_waiting() -> None:
    """It was off; now it sends a result on the same serial line."""
    bench = AstmDownloads(orders={"download": "on_order", "download_retry_s": 3600.0})
    bench.writer.give_orders(request("S1", "GLU"))
    bench.is_on = False
    bench.plug_in()
    bench.run(20.0)
    bench.is_on = True
    bench.link.send_message(
        b"H|\\^&\rP|1\rO|1|S9||^^^K\rR|1|^^^K|4.1\rL|1|N\r", bench.clock.seconds()
    )
    assert bench.tubes(bench.run(3700.0)[:4]) == ["S1"]
    taken = [one["at"] for one in bench.writer.history() if one["state"] == "sent"]
    assert taken[0] < 1_930_000_000 + 60


def test_a_cable_that_is_pulled_in_the_middle_leaves_the_work_open(astm: AstmDownloads) -> None:
    astm.writer.give_orders(request("S1", "GLU"))
    astm.plug_in()
    for _ in range(12):
        astm.turn(0.05)
        astm.link.receive_bytes(astm.send(astm.link.bytes_to_send()), astm.clock.seconds())
        if astm.states() == {"GLU": "claimed"}:
            break
    assert astm.states() == {"GLU": "claimed"}
    astm.end.loseConnection()
    astm.turn()
    assert astm.states() == {"GLU": "pending"}
    assert "connection ended" in astm.reasons()[0]


def test_a_warning_says_that_work_could_not_be_sent_until_it_is(astm: AstmDownloads) -> None:
    name = "labwire_work_downloaded_total"
    labels = {"line": "chem-1", "outcome": "not_taken"}
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    astm.writer.give_orders(request("S1", "GLU"))
    astm.is_on = False
    astm.plug_in()
    astm.run(20.0)
    assert astm.health.is_raised(WarnableCode.WORK_NOT_TAKEN, "chem-1")
    assert REGISTRY.get_sample_value(name, labels) == before + 1
    status = astm.line.status().orders
    assert status["not_taken"] == 1
    assert "does not answer" in str(status["trouble"])
    astm.is_on = True
    astm.run(60.0)
    assert not astm.health.is_raised(WarnableCode.WORK_NOT_TAKEN, "chem-1")
    assert astm.line.status().orders["sent"] == 1


def test_a_store_that_takes_nothing_keeps_the_work_and_tries_again(astm: AstmDownloads) -> None:
    astm.writer.give_orders(request("S1", "GLU"))
    astm.writer.fail_commit()
    astm.plug_in()
    assert astm.run(5.0) == []
    astm.writer.recover()
    assert astm.tubes(astm.run(40.0)) == ["S1"]


def test_work_that_cannot_be_written_does_not_keep_the_rest() -> None:
    """A letter that the line's encoding lacks is one tube's trouble."""
    bench = AstmDownloads(by=Claimer("chem-1", lambda code, _type: {"GLU": "Ω"}.get(code, code)))
    bench.writer.give_orders(request("S1", "GLU"), request("S2", "K"))
    bench.plug_in()
    assert bench.tubes(bench.run()) == ["S2"]
    assert bench.states() == {"GLU": "pending", "K": "sent"}
    assert "has no letter" in bench.reasons()[0]


def test_a_driver_that_fails_keeps_no_work() -> None:
    good = lis2_driver()

    class Broken(type(good)):  # type: ignore[misc]
        def download(self, work: object, context: object) -> object:
            raise RuntimeError("secret")

    order = good.profile.order
    bench = AstmDownloads(driver=Broken(good.profile, order, order.download))
    bench.writer.give_orders(request("S1", "GLU"))
    bench.plug_in()
    bench.run()
    assert bench.states() == {"GLU": "pending"}
    assert bench.reasons() == ["the driver failed: RuntimeError"]


def test_nothing_goes_to_the_wrong_analyzer() -> None:
    """Another's serial number was heard on the line: patients' orders are not for it."""
    bench = LawDownloads(serial_number="SN0001")
    bench.connect()
    bench.send_block(message(header("OUL^R22^OUL_R22", "A-5"), "SPM|1|S-1"))
    bench.hear()
    bench.writer.give_orders(request("S1", "GLU"))
    bench.news()
    assert bench.listen(40.0) == []
    assert bench.states() == {"GLU": "pending"}


# -- contention ------------------------------------------------------------------------------------


def test_a_running_session_is_not_disturbed(astm: AstmDownloads) -> None:
    """Work waits until the analyzer has finished, and goes then without waiting for a timer."""
    astm.plug_in()
    astm.run(1.0)
    astm.send(b"\x05")
    astm.writer.give_orders(request("S1", "GLU"))
    astm.news()
    assert astm.states() == {"GLU": "pending"}
    assert ENQ in astm.send(b"\x04")


def test_an_analyzer_that_takes_files_is_written_one(tmp_path: Path) -> None:
    """The same setting for analyzers that read their worklist from a folder."""
    taken, given = tmp_path / "from", tmp_path / "to"
    taken.mkdir()
    given.mkdir()
    bench = FileDownloads(taken, given)
    bench.writer.give_orders(request("S1", "GLU"), request("S2", "K"))
    bench.line.start()
    bench.look(3)
    (written,) = [one for one in given.iterdir() if one.is_file()]
    records = written.read_bytes().decode().split("\r")
    assert [one.split("|")[2] for one in records if one.startswith("O")] == ["S1", "S2"]
    assert {row["state"] for row in bench.writer.steps()} == {"sent"}


class FileDownloads(FileBench):
    """A line of files that is sent work as soon as it is ordered."""

    def __init__(self, taken: Path, given: Path) -> None:
        self.folder, self.hangs = taken, False
        files = {"type": "file_drop", "folder": taken, "out_folder": given, "ready": "at_once"}
        LineBench.__init__(
            self, lis2_driver(), {"chem-1": claimer()}, orders=ON_ORDER, transport=files
        )
        self.writer.give_store_id("TEST01")
        self.writer.is_automatic = True
