"""A culture reaches the LIS whole, each antibiotic under its organism, or waits whole for a person."""

from __future__ import annotations

import json

from middleware.model import Outcome, OutcomeKind, ReleaseMode, ResultStatus
from middleware.pipeline.asked import Asking
from middleware.pipeline.mend import settle_and_mend
from middleware.pipeline.release import release
from middleware.store import outbox, results
from middleware.store.outbox import OutboxFilter, Settlement
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.culture_messages import GROWTH, profile, read, susceptibilities, whole_culture
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_setup

ASK = "the culture was compared with the analyzer"


def stored(conn) -> list[dict]:
    return list(reversed(results.listing(conn, ResultFilter())))


def orders(conn) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """OBR-26 of each order sent, with (test, isolate, value, interpretation) of its results."""
    found = []
    for row in sorted(outbox.listing(conn, OutboxFilter()), key=lambda one: one["number"]):
        for segment in parse(outbox.get(conn, row["number"])["payload"]).segments_in_order:
            if segment.name == "OBR":
                found.append((segment.field(26), []))
            elif segment.name == "OBX":
                one = [segment.field(at) for at in (4, 5, 8)]
                found[-1][1].append((segment.get("OBX-3.1"), *one))
    return found


def test_a_culture_is_delivered_whole(conn, run) -> None:
    """One message: the organisms first, then each one's antibiotics under an order that names it."""
    run(decoded(journaled(conn), *whole_culture().results))
    assert orders(conn) == [
        (
            "",
            [
                ("ORGANISM", "1", "ECO^Escherichia coli^99DEM", ""),
                ("ORGANISM", "2", "EFA^Enterococcus faecalis^99DEM", ""),
            ],
        ),
        (
            "ORGANISM&&99LAB^1^Escherichia coli",
            [("AMP", "1", ">=^32", "R"), ("GEN", "1", "<=^1", "S")],
        ),
        (
            "ORGANISM&&99LAB^2^Enterococcus faecalis",
            [("AMP", "2", "<=^2", "S"), ("GEN", "2", "500", "R")],
        ),
    ]


def test_the_store_knows_parent_and_isolate(conn, run) -> None:
    """What a person sees later: which identification each susceptibility follows from."""
    run(decoded(journaled(conn), *whole_culture().results))
    rows = stored(conn)
    first, second = rows[0]["id"], rows[1]["id"]
    assert [one["parent_id"] for one in rows] == [None, None, first, first, second, second]
    assert [json.loads(one["isolate"])[0] for one in rows] == ["1", "2", "1", "1", "2", "2"]
    assert [one["result_group"] for one in rows] == ["CULT", "CULT", *["MIC"] * 4]


def test_one_doubtful_result_holds_the_whole_culture(conn, run) -> None:
    """Half a culture misleads: the susceptible isolate would go out, the resistant one wait."""
    good = whole_culture().results
    bad = good[5].model_copy(update={"status": ResultStatus.QUESTIONABLE})
    run(decoded(journaled(conn), *good[:5], bad))
    rows = stored(conn)
    assert {one["release_state"] for one in rows} == {"held"}
    codes = [[one["code"] for one in json.loads(row["findings"])] for row in rows]
    assert codes == [["culture_incomplete"]] * 5 + [["questionable_status"]]
    assert not orders(conn)


def test_a_susceptibility_without_organism_holds_the_culture(conn, run) -> None:
    """It is never sent alone, and neither is what was identified beside it."""
    found = read(*GROWTH, *susceptibilities("ORGANISM^7^KPN", "AMP|7|<=^2|S")).results
    run(decoded(journaled(conn), *found))
    codes = [json.loads(row["findings"])[0]["code"] for row in stored(conn)]
    assert codes == ["culture_incomplete", "culture_incomplete", "isolate_doubt"]


def test_other_specimens_of_the_message_are_not_held_with_it(conn, run) -> None:
    """What is held together is one culture, not one message."""
    found = read(
        *GROWTH,
        *susceptibilities("ORGANISM^7^KPN", "AMP|7|<=^2|S"),
        "OBR|3|K-2009|K-2009|GRAM",
        "OBX|1|ST|GRAM||gram negative rods||||||F",
    ).results
    run(decoded(journaled(conn), *found))
    assert [row["release_state"] for row in stored(conn)] == ["held"] * 3 + ["released"]


def test_what_a_person_releases_alone_still_names_its_organism(conn, run) -> None:
    """The order of a single susceptibility carries the organism that it follows from."""
    setup = made_setup(ReleaseMode.HOLD_ALL)
    run(decoded(journaled(conn), *whole_culture().results), setup=setup)
    one = stored(conn)[4]
    asking = Asking("tech-1", setup, RECEIVED_AT + 60, ASK)
    release(conn, [one["id"]], asking)
    assert orders(conn) == [
        ("ORGANISM&&99LAB^2^Enterococcus faecalis", [("AMP", "2", "<=^2", "S")])
    ]


def test_a_driver_not_for_reporting_holds_everything(conn, run) -> None:
    """Until its evidence carries it: with the reason, whatever the line's release mode."""
    marked = profile()
    driver = marked.driver.model_copy(update={"reporting": False})
    envelope = read(*GROWTH, of=marked.model_copy(update={"driver": driver}))
    assert not envelope.is_for_reporting
    run(decoded(journaled(conn), *envelope.results, is_for_reporting=envelope.is_for_reporting))
    for row in stored(conn):
        assert row["release_state"] == "held"
        assert "not_for_reporting" in row["findings"]


def test_a_culture_sent_again_is_a_repetition(conn, run) -> None:
    """Each of its results is found again, those of the second isolate too."""
    found = whole_culture().results
    run(decoded(journaled(conn), *found))
    run(decoded(journaled(conn), *found))
    assert [row["release_state"] for row in stored(conn)][6:] == ["duplicate"] * 6


def test_a_culture_of_which_the_lis_refuses_a_part_stays_refused_whole(conn, run) -> None:
    """The rest is never sent as if it were the whole; a person looks at the refusal."""
    run(decoded(journaled(conn), *whole_culture().results))
    outcome = Outcome(
        kind=OutcomeKind.REFUSED, code="AE", text="unknown test", error_locations=("OBX^4",)
    )
    refused = Settlement(1, "lis", 0, 1, outcome, RECEIVED_AT + 5)
    assert settle_and_mend(conn, [refused], made_setup()) == []
    assert outbox.get(conn, 1)["state"] == "refused"
    assert {row["release_state"] for row in stored(conn)} == {"released"}


def test_a_susceptibility_of_an_organism_that_is_called_otherwise_now_is_no_repetition(
    conn, run
) -> None:
    """The same numbers under another name are for a person: the LIS has them under the first name."""
    susceptibility = susceptibilities("ORGANISM^1", "AMP|1|>=^32|R")
    run(decoded(journaled(conn), *read(*GROWTH, *susceptibility).results))
    renamed = [one.replace("ECO^Escherichia coli", "KPN^Klebsiella") for one in GROWTH]
    run(decoded(journaled(conn), *read(*renamed, *susceptibility).results))
    again = stored(conn)[3:]
    assert [row["release_state"] for row in again] == ["held", "duplicate", "held"]
    assert "further_run_after_release" in again[2]["findings"]
