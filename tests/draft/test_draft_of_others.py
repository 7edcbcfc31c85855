"""What is found in HL7, in exported tables, and in telegrams that follow no standard."""

from __future__ import annotations

import pytest

from middleware.draft import Confidence, Draft, NothingRecognised, make_draft, read_recording
from middleware.driver.catalogue import load_catalogue
from middleware.model import Result, SampleRole

pytestmark = pytest.mark.slow  # each tries every quirk
CATALOGUE = load_catalogue()

HL7 = (
    "\x0bMSH|^~\\&|ACME|LAB|||20310304093000||ORU^R01|77|P|2.3.1\r"
    "PID|1||P4711^^^^MR||DOE^JANE||19700102|F\r"
    "OBR|1||S2000441|CBC^Count^99X|||20310304092500\r"
    "OBX|1|NM|6690-2^WBC^LN||7.5|10*9/L|4.0-10.0|N|||F\r"
    "OBX|2|NM|718-7^HGB^LN||88|g/L|110-160|L|||F\r\x1c\r"
)
WIDE = (
    "Sample ID,Analysis Date,Analysis Time,Sequence No.,WBC[10^3/uL],WBC/M,HGB[g/L],HGB/M\n"
    "S2000441,2031/03/04,09:25:00,1,7.5,,88,-\n"
    "QC-2,2031/03/04,09:40:00,2,7.1,,131,\n"
)
LONG = (
    "Run 12;;;;;\n"
    "Sample ID;Type;Test;Result;Unit;Result time\n"
    "S2000441;S;GLU;5,4;mmol/L;04.03.2031 09:25:00\n"
    "S2000442;S;GLU;11,25;mmol/L;14.03.2031 09:26:00\n"
    "LOT9;C;GLU;6,1;mmol/L;14.03.2031 09:27:00\n"
)
FIXED = (
    "D 000101 0007             S2000441    E0     "
    "001     5.40r       002    88.10H       003     1.01r       "
)


def _draft(data: str) -> Draft:
    return make_draft(
        read_recording(data.encode("latin-1")), "acme_two", "Acme Two", CATALOGUE.make
    )


def _value(draft: Draft, key: str) -> object:
    return draft.findings.guesses[key].value


def _read(draft: Draft) -> list[tuple[str, str, str, str]]:
    return [
        (one.specimen.sample_id, one.test_code, str(one.value.number), one.unit)
        for one in _results(draft)
    ]


def _results(draft: Draft) -> list[Result]:
    return [one for envelope in draft.played.envelopes for one in envelope.results]


def test_an_hl7_message_is_found_at_the_standards_places() -> None:
    """Version 2.3.1 has the time of measurement with the order."""
    draft = _draft(HL7)
    assert (draft.kind, draft.is_file) == ("hl7", False)
    assert _read(draft) == [
        ("S2000441", "6690-2", "7.5", "10*9/L"),
        ("S2000441", "718-7", "88", "g/L"),
    ]
    assert _value(draft, "result.measured_at") == "OBR-7"


def test_hl7_segments_ended_by_line_feeds_name_the_quirk() -> None:
    """The recording is a log of records without blocks."""
    text = HL7.strip("\x0b\x1c\r").replace("\r", "\n") + "\n"
    draft = _draft(text)
    assert "line_feed_separators" in str(_value(draft, "link.quirks"))
    assert len(_results(draft)) == 2


def test_a_table_with_a_column_for_each_test_is_spread_over_results() -> None:
    """Heading, unit in brackets, and the mark beside."""
    draft = _draft(WIDE)
    assert (draft.kind, draft.is_file) == ("columns", True)
    assert _read(draft)[:2] == [
        ("S2000441", "WBC", "7.5", "10^3/uL"),
        ("S2000441", "HGB", "88", "g/L"),
    ]
    assert [one.abnormal_flags for one in _results(draft)][1] == ("low",)
    assert _results(draft)[0].measured.text == "2031/03/04 09:25:00"


def test_a_control_in_a_table_is_told_by_its_name() -> None:
    """A control must never be filed under a patient."""
    roles = {one.specimen.sample_id: one.specimen.role for one in _results(_draft(WIDE))}
    assert roles == {"S2000441": SampleRole.PATIENT, "QC-2": SampleRole.QC}


def test_a_table_with_a_row_for_each_result_is_read_with_its_types() -> None:
    """The heading row stands below a title; the type column says what is a patient's."""
    draft = _draft(LONG)
    assert _read(draft)[1] == ("S2000442", "GLU", "11.25", "mmol/L")
    assert [one.specimen.role for one in _results(draft)] == ["patient", "patient", "qc"]
    assert _value(draft, "values.rules") == ("decimal_comma",)


def test_a_date_that_could_be_two_is_never_more_than_a_guess() -> None:
    """4 March or 3 April: only a person knows."""
    clear = _draft(LONG)
    assert clear.findings.guesses["result.measured_at"].confidence is Confidence.LIKELY
    both = _draft(LONG.replace("14.03.2031", "05.03.2031").replace(".03.2031", "/03/2031"))
    assert both.findings.guesses["result.measured_at"].confidence is Confidence.GUESS


def test_telegrams_in_fixed_columns_are_cut_by_their_repetition() -> None:
    """No standard says where anything is, so everything is a guess but what repeats."""
    draft = _draft(f"\x05\x02{FIXED}\x03\x04")
    assert draft.kind == "framed"
    assert _read(draft) == [
        ("S2000441", "001", "5.40", ""),
        ("S2000441", "002", "88.10", ""),
        ("S2000441", "003", "1.01", ""),
    ]
    keys = ("specimen.sample_id", "result.test_code", "result.value")
    assert {draft.findings.guesses[key].confidence for key in keys} == {Confidence.GUESS}


@pytest.mark.parametrize(
    "text", ["a letter to the editor", "<results><one/></results>", "1 2 3\n4 5 6\n"]
)
def test_what_is_no_protocol_is_refused_in_words(text: str) -> None:
    """No draft is better than nonsense."""
    with pytest.raises(NothingRecognised, match="nothing in the recording"):
        _draft(text)
