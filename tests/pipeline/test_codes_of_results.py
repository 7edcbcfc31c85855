"""Test codes on the way from a message to the LIS: what is sent, kept, ignored or held, and released once mapped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from middleware.model import (
    MeasuredTime,
    ReleaseMode,
    ReleaseState,
    SampleRole,
    Specimen,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.setup import Setup
from middleware.store import audit, codes, journal, outbox, results
from middleware.wire.hl7.parse import parse
from tests.kit.code_tables import codes_of, setup_with
from tests.kit.culture_messages import whole_culture
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

NOW = RECEIVED_AT + 60
EMPTY = "test_code,lis_code\nOTHER,OTHER\n"
MAPPED = (
    "test_code,lis_code,lis_name,loinc,loinc_name\n"
    "GLU,GLUC,Glucose,14749-6,Glucose in serum\nNA,SOD,Sodium,,\n"
)


def release(conn, setup: Setup, **arguments: Any) -> dict[str, Any]:
    return COMMANDS["codes.release"](conn, arguments, "ada", setup, NOW)


def sent(conn, number: int) -> Any:
    return parse(outbox.get(conn, number)["payload"])


def codes_in(findings: str) -> list[str]:
    return [one["code"] for one in json.loads(findings or "[]")]


def test_the_lis_gets_its_own_code_and_loinc(conn, run) -> None:
    """OBX-3 and OBR-4; the analyzer's code stays in the store."""
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=setup_with(MAPPED))
    message = sent(conn, 1)
    assert message.get("OBR-4") == "GLUC^Glucose^L^14749-6^Glucose in serum^LN"
    assert [obx.get("OBX-3") for obx in message.segments("OBX")] == [
        "GLUC^Glucose^L^14749-6^Glucose in serum^LN",
        "SOD^Sodium^L",
    ]
    row = results.get(conn, 1)
    assert (row["test_code"], row["lis_code"], row["loinc"]) == ("GLU", "GLUC", "14749-6")


def test_without_a_table_everything_is_as_before(conn, run) -> None:
    """A line that names none, beside one that does."""
    run(
        decoded(journaled(conn), made_result()),
        decoded(journaled(conn, line="chem-2"), made_result("S2")),
        setup=setup_with(MAPPED),
    )
    assert sent(conn, 2).get("OBX-3") == "GLU^^99LAB"
    assert results.get(conn, 2)["code_fate"] is None


def test_only_loinc_keeps_the_analyzers_code_beside_it(conn, run) -> None:
    """A receiver can always tell what the analyzer said."""
    run(decoded(journaled(conn), made_result()), setup=setup_with("test_code,loinc\nGLU,14749-6\n"))
    assert sent(conn, 1).get("OBX-3") == "14749-6^^LN^GLU^^99LAB"


def test_value_unit_and_range_go_out_converted_and_stay_as_measured(conn, run) -> None:
    """7.2 g/dL go out as 72 g/L; the store shows both."""
    setup = setup_with("test_code,unit,lis_code,lis_unit\nTP,g/dL,TPROT,g/L\n")
    result = made_result(test="TP", value="7.2", unit="g/dL", reference_range="6.4-8.3")
    run(decoded(journaled(conn), result), setup=setup)
    obx = sent(conn, 1).segments("OBX")[0]
    assert (obx.get("OBX-5"), obx.get("OBX-6"), obx.get("OBX-7")) == ("72", "g/L", "64-83")
    row = results.get(conn, 1)
    assert (row["value_raw"], row["unit"], row["reported_value"]) == ("7.2", "g/dL", "72")


def test_a_range_that_cannot_be_converted_is_left_out(conn, run) -> None:
    """Limits in the old unit beside a value in the new one would mislead."""
    setup = setup_with("test_code,unit,lis_code,lis_unit\nTP,g/dL,TPROT,g/L\n")
    result = made_result(test="TP", value="7.2", unit="g/dL", reference_range="see leaflet")
    run(decoded(journaled(conn), result), setup=setup)
    assert sent(conn, 1).segments("OBX")[0].get("OBX-7") == ""


def test_a_kept_test_is_stored_and_never_sent(conn, run) -> None:
    """Not held either: nobody has to decide."""
    setup = setup_with("test_code,fate,lis_code\nGLU,keep,\nNA,,SOD\n", ReleaseMode.HOLD_ALL)
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=setup)
    kept, held = results.get(conn, 1), results.get(conn, 2)
    assert (kept["release_state"], held["release_state"]) == ("not_for_lis", "held")
    assert "kept_by_table" in codes_in(kept["findings"])
    with pytest.raises(CommandRefused):
        COMMANDS["results.release"](conn, {"ids": [1]}, "ada", setup, NOW)


def test_an_ignored_test_is_no_result_but_the_message_says_so(conn, run) -> None:
    """Sixty raw values a specimen need no row each; another table and a replay bring them back."""
    run(
        decoded(journaled(conn), made_result(), made_result(test="RAW1"), made_result(test="RAW2")),
        setup=setup_with("test_code,fate,lis_code\nGLU,,GLUC\nRAW1,ignore,\nRAW2,ignore,\n"),
    )
    entry = journal.get(conn, 1)
    assert entry["result_count"] == 1
    (fault,) = json.loads(entry["faults"])
    assert fault["text"].endswith("RAW1, RAW2")
    assert results.get(conn, 2) is None


def test_a_test_held_by_the_table_is_released_by_a_person(conn, run) -> None:
    """Under the code that the table gives."""
    setup = setup_with("test_code,fate,lis_code,note\nGLU,hold,GLUC,call the ward\n")
    run(decoded(journaled(conn), made_result()), setup=setup)
    row = results.get(conn, 1)
    assert row["release_state"] == ReleaseState.HELD
    assert "call the ward" in row["findings"]
    assert release(conn, setup)["left"] == 1
    COMMANDS["results.release"](conn, {"ids": [1]}, "ada", setup, NOW)
    assert sent(conn, 1).get("OBX-3.1") == "GLUC"


def test_an_unmapped_result_is_released_exactly_once_when_it_has_a_row(conn, run) -> None:
    """The analyzer sends nothing again, and a second release has nothing to do."""
    without, with_row = setup_with(EMPTY), setup_with(MAPPED)
    run(decoded(journaled(conn), made_result()), setup=without)
    assert codes_in(results.get(conn, 1)["findings"]) == ["unmapped_code"]
    assert release(conn, without) | {"next": 0} == {
        "released": [],
        "held": [],
        "kept": [],
        "messages": [],
        "left": 1,
        "next": 0,
    }
    answer = release(conn, with_row, reason="mapped")
    assert (answer["released"], answer["messages"], answer["left"]) == ([1], [1], 0)
    assert sent(conn, 1).get("OBX-3.1") == "GLUC"
    assert sent(conn, 1).get("OBX-11") == "F"
    row = results.get(conn, 1)
    assert (row["release_state"], row["findings"], row["code_fate"]) == (
        "released",
        None,
        "deliver",
    )
    again = release(conn, with_row)
    assert (again["released"], again["messages"]) == ([], [])
    (said,) = [one for one in audit.listing(conn) if one["action"] == "codes.release"]
    assert (said["author"], json.loads(said["detail"])["released"]) == ("ada", [1])


def test_a_person_cannot_release_what_has_no_code(conn, run) -> None:
    """The LIS would not know what it is; the reason says what to do."""
    setup = setup_with(EMPTY)
    run(decoded(journaled(conn), made_result()), setup=setup)
    with pytest.raises(CommandRefused, match="no code for the LIS"):
        COMMANDS["results.release"](conn, {"ids": [1]}, "ada", setup, NOW)
    COMMANDS["results.release"](conn, {"ids": [1]}, "ada", setup_with(MAPPED), NOW)
    assert sent(conn, 1).get("OBX-3.1") == "GLUC"


def test_a_release_mode_that_holds_goes_on_holding(conn, run) -> None:
    """The row says the code, not that somebody has compared the result."""
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY, ReleaseMode.HOLD_ALL))
    answer = release(conn, setup_with(MAPPED, ReleaseMode.HOLD_ALL))
    assert (answer["released"], answer["held"]) == ([], [1])
    row = results.get(conn, 1)
    assert (codes_in(row["findings"]), row["lis_code"]) == (["hold_all"], "GLUC")


def test_other_reasons_to_hold_stay(conn, run) -> None:
    """A result of nobody has a code now, and still belongs to nobody."""
    run(decoded(journaled(conn), made_result("NOREAD")), setup=setup_with(EMPTY))
    assert release(conn, setup_with(MAPPED))["held"] == [1]
    assert codes_in(results.get(conn, 1)["findings"]) == ["placeholder_sample_id"]


def test_of_two_runs_that_waited_only_the_first_goes_by_itself(conn, run) -> None:
    """As if both had come with the row in place: a further run after release is a person's."""
    without = setup_with(EMPTY)
    run(decoded(journaled(conn), made_result()), setup=without)
    run(decoded(journaled(conn), made_result(value="9.9")), setup=without)
    answer = release(conn, setup_with(MAPPED))
    assert (answer["released"], answer["held"]) == ([1], [2])
    row = results.get(conn, 2)
    assert codes_in(row["findings"]) == ["further_run_after_release"]
    assert (row["supersedes"], row["version"]) == (1, 2)


def test_a_resent_message_is_a_repetition_before_and_after_the_row(conn, run) -> None:
    """A mapping changes nothing of what the analyzer said."""
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY))
    run(decoded(journaled(conn), made_result()), setup=setup_with(MAPPED))
    assert results.get(conn, 2)["release_state"] == ReleaseState.DUPLICATE
    assert release(conn, setup_with(MAPPED))["released"] == [1]


def test_controls_need_no_row(conn, run) -> None:
    """They never go to the LIS, so they wait for no code."""
    control = Specimen(sample_id="QC1", role=SampleRole.QC)
    run(decoded(journaled(conn), made_result(specimen=control)), setup=setup_with(EMPTY))
    row = results.get(conn, 1)
    assert (row["release_state"], row["code_fate"]) == ("not_for_lis", None)


def test_each_unmapped_code_is_shown_once_with_its_count(conn, run) -> None:
    """What a person writes into the table, and how much waits for it."""
    setup = setup_with(EMPTY)
    later = MeasuredTime(text="", at=None)
    for sample in ("S1", "S2", "S3"):
        run(decoded(journaled(conn), made_result(sample, measured=later)), setup=setup)
    run(decoded(journaled(conn), made_result("S4", unit="mg/dL")), setup=setup)
    found = codes.unmapped(conn)
    assert [(one["test_code"], one["unit"], one["count"]) for one in found] == [
        ("GLU", "mg/dL", 1),
        ("GLU", "mmol/L", 3),
    ]
    assert codes_in(found[0]["findings"]) == ["unmapped_code"]
    COMMANDS["results.reject"](conn, {"ids": [4]}, "ada", setup, NOW)
    assert [one["count"] for one in codes.unmapped(conn, "chem-1")] == [3]
    assert codes.unmapped(conn, "chem-2") == []


def test_results_of_a_message_go_out_together(conn, run) -> None:
    """One message for one message of the analyzer and one specimen."""
    results_of_both = [made_result(), made_result(test="NA"), made_result("S2")]
    run(decoded(journaled(conn), *results_of_both), setup=setup_with(EMPTY))
    answer = release(conn, setup_with(MAPPED))
    assert (answer["released"], answer["messages"]) == ([1, 2, 3], [1, 2])
    assert len(sent(conn, 1).segments("OBX")) == 2


def test_a_line_that_has_left_the_settings_releases_nothing(conn, run) -> None:
    """Nobody knows its table any more."""
    run(decoded(journaled(conn), made_result()), setup=setup_with(EMPTY))
    assert release(conn, made_setup())["left"] == 1


def test_a_line_that_relays_stays_in_shadow(conn, run) -> None:
    """Its results are kept to compare, under the code that they would have."""
    relay = {"type": "tcp_connect", "host": "10.1.1.5", "port": 4010}
    run(decoded(journaled(conn), made_result()), setup=setup_with(MAPPED, relay=relay))
    assert results.get(conn, 1)["release_state"] == ReleaseState.SHADOW


def test_a_table_mended_after_the_lis_refused_is_the_one_that_counts(conn, run) -> None:
    """A release is under the table in force, not under the one of the first try."""
    setup = replace(setup_with(MAPPED, ReleaseMode.HOLD_ALL))
    run(decoded(journaled(conn), made_result()), setup=setup)
    mended = replace(setup, codes={"chem-1": codes_of("test_code,lis_code\nGLU,GLUC2\n")})
    COMMANDS["results.release"](conn, {"ids": [1]}, "ada", mended, NOW)
    assert sent(conn, 1).get("OBX-3.1") == "GLUC2"
    assert results.get(conn, 1)["lis_code"] == "GLUC2"


CULTURE = "test_code,test_detail,lis_code\nORGANISM,*,ORG\nAMP,*,AMPI\n"


def test_an_antibiotic_names_its_organism_by_the_code_of_the_lis(conn, run) -> None:
    """OBR-26 says the code that the identification has in OBX-3, else nothing fits together."""
    setup = setup_with(CULTURE + "GEN,*,GENT\n")
    run(decoded(journaled(conn), *whole_culture().results), setup=setup)
    orders = sent(conn, 1).segments("OBR")
    assert [order.get("OBR-26") for order in orders[1:]] == [
        "ORG&&L^1^Escherichia coli",
        "ORG&&L^2^Enterococcus faecalis",
    ]


def test_half_a_culture_is_never_released_by_a_new_row(conn, run) -> None:
    """One antibiotic had no code, so all of the culture waits; a person decides on it as a whole."""
    run(decoded(journaled(conn), *whole_culture().results), setup=setup_with(CULTURE))
    assert outbox.get(conn, 1) is None
    mended = setup_with(CULTURE + "GEN,*,GENT\n")
    answer = release(conn, mended)
    assert (answer["released"], len(answer["held"])) == ([], 2)
    COMMANDS["results.release"](conn, {"ids": [1, 2, 3, 4, 5, 6]}, "ada", mended, NOW)
    assert [obx.get("OBX-3.1") for obx in sent(conn, 1).segments("OBX")] == [
        "ORG",
        "ORG",
        "AMPI",
        "GENT",
        "AMPI",
        "GENT",
    ]


def test_a_replay_under_another_table_stores_what_was_ignored(conn, run) -> None:
    """Nothing is lost: the message is in the journal, and what went out stays as it is."""
    entry = journaled(conn)
    both = (made_result(), made_result(test="RAW1"))
    run(
        decoded(entry, *both),
        setup=setup_with("test_code,fate,lis_code\nGLU,,GLUC\nRAW1,ignore,\n"),
    )
    again = replace(entry, replays=1)
    run(decoded(again, *both), setup=setup_with("test_code,lis_code\nGLU,GLUX\nRAW1,RAW\n"))
    first, second = results.get(conn, 1), results.get(conn, 2)
    assert (first["lis_code"], first["release_state"]) == ("GLUC", "released")
    assert (second["lis_code"], second["release_state"]) == ("RAW", "released")
    assert results.get(conn, 3) is None
