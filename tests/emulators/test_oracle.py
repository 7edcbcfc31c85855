"""The oracle finds each way in which a promise can be broken, and nothing else."""

from __future__ import annotations

from pathlib import Path

from emulators.oracle import (
    Arrival,
    Book,
    Expectation,
    Obligation,
    judge,
    obligation_line,
    read_arrivals,
    read_obligations,
)

ONE = Obligation("chem", "S-1", {"GLU": "5.4", "K": "4.1"})
TWO = Obligation("chem", "S-2", {"GLU": "6.0"})


def came(control_id: str, sample_id: str, **values: str) -> Arrival:
    return Arrival(control_id, sample_id, values)


def test_everything_once_and_in_order_is_good() -> None:
    """The demo ends with this."""
    verdict = judge([ONE, TWO], [came("1", "S-1", GLU="5.4", K="4.1"), came("2", "S-2", GLU="6.0")])
    assert verdict.is_good
    assert verdict.lines()[-1] == "verdict: good"
    assert (verdict.obligations, verdict.results, verdict.arrivals) == (2, 3, 2)


def test_a_missing_result_is_lost() -> None:
    """One value of one tube is enough."""
    verdict = judge([ONE], [came("1", "S-1", GLU="5.4")])
    assert verdict.lost == ["S-1/K"]
    assert verdict.lines()[-1] == "verdict: BROKEN PROMISE"


def test_the_same_result_under_two_control_ids_is_doubled() -> None:
    """The LIS would show it twice."""
    whole = came("1", "S-2", GLU="6.0")
    assert judge([TWO], [whole, came("2", "S-2", GLU="6.0")]).doubled == ["S-2/GLU"]


def test_a_resend_under_the_same_control_id_is_allowed() -> None:
    """A LIS knows a control id that it has seen."""
    verdict = judge([TWO], [came("1", "S-2", GLU="6.0")] * 2)
    assert verdict.is_good
    assert verdict.resent == 1


def test_another_value_is_changed() -> None:
    """Never the wrong number."""
    assert judge([TWO], [came("1", "S-2", GLU="60")]).changed == ["S-2/GLU"]


def test_an_overtaken_message_of_one_line_is_out_of_order() -> None:
    """Order within a line is kept; between lines it is free."""
    arrivals = [came("1", "S-2", GLU="6.0"), came("2", "S-1", GLU="5.4", K="4.1")]
    assert judge([ONE, TWO], arrivals).out_of_order == ["S-2"]
    other = Obligation("haem", "S-2", {"GLU": "6.0"})
    assert judge([ONE, other], arrivals).is_good


def test_a_control_that_reaches_the_lis_has_strayed() -> None:
    """Quality control never reaches the LIS as a patient's result."""
    control = Obligation("chem", "QC-1", {"GLU": "5.0"}, Expectation.KEEP)
    assert judge([control], []).is_good
    assert judge([control], [came("1", "QC-1", GLU="5.0")]).strayed == ["QC-1/GLU"]


def test_a_further_run_stays_behind() -> None:
    """The first value goes out; the second waits for a person."""
    rerun = Obligation("chem", "S-2", {"GLU": "6.1"}, Expectation.KEEP)
    first = came("1", "S-2", GLU="6.0")
    assert judge([TWO, rerun], [first]).is_good
    verdict = judge([TWO, rerun], [first, came("2", "S-2", GLU="6.1")])
    assert verdict.strayed == ["S-2/GLU"]


def test_an_arrival_that_nobody_claims_is_counted_and_allowed() -> None:
    """Stored, but our ACK was lost: the analyzer does not know, the LIS has it."""
    verdict = judge([TWO], [came("1", "S-9", GLU="5.0"), came("2", "S-2", GLU="6.0")])
    assert verdict.is_good
    assert verdict.unclaimed == 1


def test_books_survive_a_killed_writer(tmp_path: Path) -> None:
    """What was written counts; half a line does not."""
    path = tmp_path / "obligations.jsonl"
    with Book(path) as book:
        book.write(obligation_line(ONE))
    with path.open("a") as file:
        file.write('{"line": "chem", "sam')
    assert read_obligations(path) == [ONE]
    assert read_obligations(tmp_path / "none") == []


def test_only_accepted_arrivals_count(tmp_path: Path) -> None:
    """A refused message has not reached the patient's record."""
    path = tmp_path / "arrivals.jsonl"
    with Book(path) as book:
        for number, answer in enumerate(("AA", "AE", "")):
            row = {"control_id": str(number), "sample_id": "S", "values": {}, "answer": answer}
            book.write(row)
    assert [arrival.control_id for arrival in read_arrivals(path)] == ["0"]


def test_a_run_in_which_nothing_was_acknowledged_is_not_good() -> None:
    """An empty demo proves nothing."""
    verdict = judge([], [])
    assert not verdict.is_good
    assert verdict.lines()[-1] == "verdict: nothing was acknowledged"
