"""A message becomes a tree of records; what is wrong with it is said and never stops the reading."""

from __future__ import annotations

import pytest

from middleware.wire.errors import LocalProtocolError, RemoteProtocolError
from middleware.wire.lis2 import (
    FIELD_NAMES,
    NULL,
    RECORDS_NUMBERED,
    FaultCode,
    Path,
    field_clause,
    parse_message,
)

CHEMISTRY = (
    b"H|\\^&|||DEMO-CHEM^SN0042^01.02|||||LIS||P|LIS2-A2|20260314092530\r"
    b"P|1|PT-1001|L-55012||TESTCASE^ADA^M||19791105|F\r"
    b"O|1|2603140001|2603140001^R07^3|^^^GLU\\^^^CREA\\^^^K|R|20260314084500\r"
    b"R|1|^^^GLU|5.4|mmol/L|3.9 to 6.1|N||F||OP7|20260314091500|20260314092210|MOD1\r"
    b"R|2|^^^CREA|182|umol/L|45 to 84^REF\\30 to 1300^AMR|H|AS|F\r"
    b"R|3|^^^K|6.8|mmol/L|3.5 to 5.1|HH||V||OP7^SUP2\r"
    b"C|1|I|HEM^Haemolysis index 3+|I\r"
    b"L|1|N\r"
)


def codes(text: bytes, **options: frozenset[str]) -> list[tuple[FaultCode, int]]:
    message = parse_message(text, "iso8859-1", **options)
    return [(fault.code, fault.record) for fault in message.faults]


def test_a_chemistry_message_is_read_with_nothing_to_complain_about() -> None:
    """The everyday case: patient, order, three results, a comment on the last one."""
    message = parse_message(CHEMISTRY)
    (patient,) = message.patients
    (order,) = patient.orders
    glucose, creatinine, potassium = order.results
    assert message.faults == []
    assert message.quirks == ()
    assert glucose.get("R-3.4") == "GLU"
    assert creatinine.get("R-6[2].2") == "AMR"
    assert potassium.components(11) == ["OP7", "SUP2"]
    assert [c.get("C-4.2") for c in potassium.comments] == ["Haemolysis index 3+"]
    assert glucose.comments == []
    assert message.terminator is not None
    assert message.terminator.get("L-3") == "N"
    assert message.header.get("H-14") == "20260314092530"
    assert message.text().encode() == CHEMISTRY


def test_a_path_reaches_from_a_result_to_its_own_order_and_patient() -> None:
    """Results are bound to the specimen they stand under, never to the last one seen."""
    message = parse_message(
        b"H|\\^&\rP|1||A\rO|1|tube-1\rR|1|^^^X|1\rP|2||B\rO|1|tube-2\rR|1|^^^X|2\rL|1\r"
    )
    sample, patient, value = (Path.parse(text) for text in ("O-3.1", "P-4", "R-4"))
    assert [(patient.of(r), sample.of(r), value.of(r)) for r in message.results] == [
        ("A", "tube-1", "1"),
        ("B", "tube-2", "2"),
    ]
    assert Path.parse("Q-3").of(message.results[0]) == ""


def test_a_path_without_component_gives_the_whole_field_as_sent() -> None:
    """A value of several components is not cut down to its first by accident."""
    result = parse_message(b"H|\\^&\rP|1\rO|1\rR|1|^^^LEU|2+^75\\x\rL|1\r").results[0]
    assert result.get("R-4") == "2+^75\\x"
    assert result.get("R-4[1]") == "2+^75"
    assert result.get("R-4.1") == "2+"
    assert result.get("R-4.2") == "75"
    assert result.get("R-4[2].1") == "x"
    assert result.get("R-4[2].2") == result.get("R-4[3]") == result.get("R-4.9") == ""
    assert result.get("R-99") == ""
    assert Path.parse("R-4.1").each(result) == ["2+", "x"]
    assert Path.parse("R-5").each(result) == []


def test_a_path_shows_itself_and_refuses_nonsense() -> None:
    """A profile with a typing error is told what to write."""
    assert str(Path.parse("R-6[2].1")) == "R-6[2].1"
    for wrong in ("R4", "R-0", "r-4", "R-4.", "R-4[0]", ""):
        with pytest.raises(LocalProtocolError) as error:
            Path.parse(wrong)
        assert error.value.what_to_do


def test_fields_are_numbered_from_one_and_absent_ones_are_empty() -> None:
    """H-3 is the control id: the delimiter definition is itself field 2."""
    header = parse_message(b"H|\\^&|ID7|\rL|1\r").header
    assert [header.field(n) for n in (0, 1, 2, 3, 4, 5)] == ["", "H", "\\^&", "ID7", "", ""]
    assert header.get("H-2") == "\\^&"
    assert header.named_fields() == [
        (1, "record type", "H"),
        (2, "delimiter definition", "\\^&"),
        (3, "message control ID", "ID7"),
    ]


def test_an_explicit_null_is_not_an_empty_field() -> None:
    """Two quotes ask to delete; nothing between delimiters says nothing."""
    patient = parse_message(b'H|\\^&\rP|1||x||||||||||""|\rL|1\r').patients[0]
    assert patient.field(14) == NULL
    assert patient.field(13) == ""


def test_a_result_without_order_gets_implicit_parents() -> None:
    """Many instruments leave out O or P; the tree is whole all the same and a fault says so."""
    message = parse_message(b"H|\\^&\rR|1|^^^X|1\rL|1\r")
    (result,) = message.patients[0].orders[0].results
    assert result.parent is not None
    assert result.parent.is_implicit
    assert result.get("O-3") == result.get("P-4") == ""
    assert [fault.code for fault in message.faults] == [FaultCode.PARENT_MISSING] * 2
    assert [record.letter for record in message.records] == ["H", "R", "L"]


def test_an_order_after_a_new_patient_is_not_hung_below_the_old_one() -> None:
    """A result that follows P without an O must not slip to the order of the patient before."""
    message = parse_message(b"H|\\^&\rP|1||A\rO|1|t1\rP|2||B\rR|1|^^^X|1\rL|1\r")
    result = message.results[0]
    assert result.get("P-4") == "B"
    assert result.get("O-3") == ""


def test_comments_and_manufacturer_records_belong_to_the_record_before() -> None:
    """Position decides, from the header down; a C after an M still belongs to the result."""
    message = parse_message(
        b"H|\\^&\rM|1|h\rP|1\rC|1|I|p\rO|1\rC|1|I|o\rR|1|^^^X|1\rM|1|lot\rC|1|I|r\rL|1\r"
    )
    (patient,) = message.patients
    (order,) = patient.orders
    (result,) = order.results
    assert [r.get("M-3") for r in message.header.manufacturer] == ["h"]
    assert [r.get("C-4") for r in (*patient.comments, *order.comments, *result.comments)] == [
        "p",
        "o",
        "r",
    ]
    assert [r.get("M-3") for r in result.manufacturer] == ["lot"]
    assert message.faults == []


def test_a_query_stands_on_the_first_level() -> None:
    """A host query for three tubes."""
    message = parse_message(b"H|\\^&\rQ|1|^1\\^2\\^3||ALL||||||||O\rL|1|N\r")
    (query,) = message.queries
    assert Path.parse("Q-3.2").each(query) == ["1", "2", "3"]
    assert message.patients == []
    assert message.faults == []


def test_patient_and_query_in_one_message_are_read_and_reported() -> None:
    """They do not mix in practice: somebody should look."""
    assert codes(b"H|\\^&\rQ|1|^1\rP|1\rL|1\r") == [(FaultCode.ORDER_VIOLATED, 3)]


def test_scientific_records_are_kept() -> None:
    """Rarely sent; never lost."""
    message = parse_message(b"H|\\^&\rS|1|HPLC\rL|1\r")
    assert [record.get("S-3") for record in message.scientific] == ["HPLC"]


def test_records_of_unknown_type_are_kept_where_a_manufacturer_record_would_stand() -> None:
    """A vendor's own record must not disturb what is around it."""
    message = parse_message(b"H|\\^&\rP|1\rO|1\rR|1|^^^X|1\rZX|9|own\rR|2|^^^Y|2\rL|1\r")
    first, second = message.results
    assert [child.letter for child in first.children] == ["ZX"]
    assert second.get("R-4") == "2"
    assert [(fault.code, fault.letter) for fault in message.faults] == [
        (FaultCode.RECORD_TYPE_UNKNOWN, "ZX")
    ]


def test_lower_case_record_letters_are_accepted() -> None:
    """The letter is a code, not a name."""
    message = parse_message(b"h|\\^&\rp|1\ro|1\rr|1|^^^X|1\rl|1\r")
    assert [record.letter for record in message.records] == ["H", "P", "O", "R", "L"]
    assert message.faults == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b"R|1|a\rR|2|b\r", []),
        (b"R|1|a\rR|3|b\rR|4|c\r", [(FaultCode.SEQUENCE_GAP, 5)]),
        (b"R|1|a\rR||b\rR|3|c\r", [(FaultCode.SEQUENCE_GAP, 5)]),
        (b"R|73|a\rR|74|b\r", [(FaultCode.SEQUENCE_GAP, 4)]),
        (b"R|x|a\rR|2|b\r", [(FaultCode.SEQUENCE_GAP, 4)]),
        (b"R|1|a\rC|1\rC|2\rR|2|b\rC|1\r", []),
        (b"R|1|a\rO|2\rR|1|b\r", []),
    ],
)
def test_gaps_in_sequence_numbers_are_faults_and_nothing_more(
    text: bytes, faults: list[tuple[FaultCode, int]]
) -> None:
    """A gap hints at a missing record; the number restarts below each higher record."""
    assert codes(b"H|\\^&\rP|1\rO|1\r" + text + b"L|1\r") == faults


def test_a_fault_names_record_field_and_clause() -> None:
    """A person finds the place in the message and in the standard."""
    (fault,) = parse_message(b"H|\\^&\rP|1\rO|1\rR|2|a\rL|1\r").faults
    assert (fault.record, fault.letter, fault.field) == (4, "R", 2)
    assert fault.clause == "LIS02-A2 9.2"
    assert "1" in fault.text


def test_a_message_without_terminator_says_so() -> None:
    """It may be half of a message."""
    message = parse_message(b"H|\\^&\rP|1\r")
    assert message.terminator is None
    assert [fault.code for fault in message.faults] == [FaultCode.TERMINATOR_MISSING]


def test_records_after_the_terminator_are_kept_and_reported() -> None:
    """Nothing may follow L, not even a comment."""
    assert codes(b"H|\\^&\rP|1\rL|1\rC|1|I|late\r") == [(FaultCode.RECORD_AFTER_TERMINATOR, 4)]


@pytest.mark.parametrize("text", [b"", b"\r\r", b"P|1\r", b"HELLO|1\r", b"\x00\x00", b"1H|\\^&\r"])
def test_text_without_a_header_is_refused(text: bytes) -> None:
    """Without H there are no delimiters: nothing can be read."""
    with pytest.raises(RemoteProtocolError) as error:
        parse_message(text)
    assert error.value.reason == "header_missing"


def test_line_feeds_between_records_are_a_reported_quirk() -> None:
    """LF and CR LF are no terminators, yet common in files."""
    for separator in (b"\n", b"\r\n"):
        message = parse_message(CHEMISTRY.replace(b"\r", separator))
        assert message.quirks == ("line_feed_separators",)
        assert len(message.results) == 3
        assert message.faults == []


def test_numbers_before_record_letters_need_their_named_quirk() -> None:
    """A host reply with `2P|1` in one frame is read when the profile says so, and only then."""
    text = b"H|\\^&\r2P|1||A\r3O|1|t1\r4L|1\r"
    message = parse_message(text, quirks=frozenset({RECORDS_NUMBERED}))
    assert message.quirks == (RECORDS_NUMBERED,)
    assert message.faults == []
    assert message.patients[0].orders[0].get("O-3") == "t1"
    strict = parse_message(text)
    assert strict.patients == []
    assert [fault.code for fault in strict.faults].count(FaultCode.RECORD_TYPE_UNKNOWN) == 3


def test_undecodable_bytes_are_shown_and_reported_with_their_offset() -> None:
    """A wrong encoding must not lose a result, and must not become a delimiter either."""
    text = b"H|\\^&\rP|1||A||M\xfcller^Zo\xeb\rL|1\r"
    message = parse_message(text, "utf-8")
    (fault,) = message.faults
    assert (fault.code, fault.offset) == (FaultCode.UNDECODABLE_BYTES, text.index(b"\xfc"))
    assert message.patients[0].components(6) == ["M<xFC>ller", "Zo<xEB>"]


def test_text_is_decoded_before_it_is_split() -> None:
    """In GBK and Shift-JIS the second byte of a letter may look like a delimiter."""
    name = "構"  # Shift-JIS 8D 5C: the second byte is a backslash
    message = parse_message(f"H|\\^&\rP|1||||{name}\\x\rL|1\r".encode("shift_jis"), "shift_jis")
    assert message.patients[0].repeats(6) == [name, "x"]


def test_a_latin_letter_in_a_name_is_read() -> None:
    """ISO 8859-1 is the standard's default."""
    message = parse_message(b"H|\\^&\rP|1||||TESTCASE^ZO\xcb\rL|1\r")
    assert message.get("P-6.2") == "ZOË"


def test_nul_characters_and_a_byte_order_mark_are_removed() -> None:
    """Padding of old systems, and files saved by editors."""
    message = parse_message(b"\xef\xbb\xbfH|\\^&\rP|1\0\0\rL|1\r", "utf-8")
    assert message.quirks == ("byte_order_mark",)
    assert [fault.code for fault in message.faults] == [FaultCode.NUL_REMOVED]


def test_extra_delimiters_and_blanks_are_kept_as_sent() -> None:
    """Padding of an id is the driver's business."""
    text = b"H|\\^&\rP|1\rO|1|  57  ||^^^X^^^\rR|1|^^^X| 7.4 |||||||||||||extra\rL|1\r"
    message = parse_message(text)
    assert message.get("O-3") == "  57  "
    assert message.get("R-4") == " 7.4 "
    assert message.get("R-17") == "extra"
    assert message.text().encode() == text


def test_field_names_and_clauses_are_those_of_the_tables() -> None:
    """`messages show` prints them beside the values."""
    assert FIELD_NAMES["R"][4] == "data or measurement value"
    assert {letter: len(names) for letter, names in FIELD_NAMES.items()} == {
        "H": 14, "P": 35, "O": 31, "R": 14, "C": 5, "Q": 13, "L": 3, "S": 21, "M": 2,
    }  # fmt: skip
    assert field_clause("O", 5) == "LIS02-A2 8.4.5"
    assert field_clause("M", 9) == "LIS02-A2 14"
    assert field_clause("X", 1) == ""


def test_nothing_of_a_patient_shows_in_the_representation_of_a_record() -> None:
    """Records end up in tracebacks and logs."""
    record = parse_message(CHEMISTRY).patients[0]
    assert "TESTCASE" not in repr(record)


def test_a_message_that_is_cut_keeps_its_records_and_lets_go_of_its_tree() -> None:
    """A node that reads thousands of messages an hour does not wait for the garbage collector."""
    message = parse_message(CHEMISTRY)
    message.cut()
    assert [record.parent for record in message.records] == [None] * len(message.records)
    assert message.text().encode("iso8859-1") == CHEMISTRY
