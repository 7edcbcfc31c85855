"""HL7 text becomes segments; fields are read by the numbers that the standard prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import LocalProtocolError, RemoteProtocolError
from middleware.wire.hl7 import NULL, Delimiters, Path, codec_for, glance, parse, unescape

USUAL = Delimiters()

RESULT = (
    "MSH|^~\\&|MW|LAB1|LIS|HOSP|20260314092600+0100||ORU^R01^ORU_R01|MW-000817|P|2.5.1||||||UNICODE UTF-8\r"
    "PID|1||PT1001^^^HOSP^MR~77^^^REG^NI||TESTCASE^ADÄ^M||19791105|F\r"
    "OBR|1|26-77001^HIS|2603140001-1^LIS|24320-4^Basic^LN\r"
    "OBX|1|NM|14749-6^Glucose^LN^GLU||5.4|mmol/L^^UCUM|3.9-6.1|N|||F\r"
    'OBX|2|SN|14682-9^Creatinine^LN^CREA||>^1300|umol/L^^UCUM|""|HH~>|||F\r'
    "NTE|1|L|Above range\\T\\ diluted repeat refused.\\.br\\Haemolysis 3+\r"
    "SPM|1|2603140001&HIS^2603140001&LIS||SER^Serum^HL70487\r"
)


def test_paths_read_what_the_standard_numbers() -> None:
    """MSH-1 is the separator itself; occurrence, repetition, component and sub-component from 1."""
    message = parse(RESULT.encode())
    for path, text in {
        "MSH-1": "|",
        "MSH-2": "^~\\&",
        "MSH-3": "MW",
        "MSH-9.2": "R01",
        "MSH-10": "MW-000817",
        "PID-3.1": "PT1001",
        "PID-3[2].1": "77",
        "PID-3[2].5": "NI",
        "PID-3[3].1": "",
        "PID-5.2": "ADÄ",
        "PID-5": "TESTCASE^ADÄ^M",
        "OBX-3.4": "GLU",
        "OBX(2)-3.4": "CREA",
        "OBX(2)-5.1": ">",
        "OBX(2)-5": ">^1300",
        "OBX(2)-8[2]": ">",
        "OBX(3)-1": "",
        "NTE-3": "Above range& diluted repeat refused.\nHaemolysis 3+",
        "SPM-2.1.1": "2603140001",
        "SPM-2.1.2": "HIS",
        "SPM-2.2.2": "LIS",
        "SPM-2.1.3": "",
        "SPM-4.1.1": "SER",
        "ZZZ-1": "",
        "PID-99": "",
    }.items():
        assert message.get(path) == text, path
    assert message.segments("OBX")[1].field(7) == NULL
    assert message.notes == ()
    assert message.text() == RESULT


def test_a_path_belongs_to_its_own_segment() -> None:
    """Asked of another segment it gives nothing rather than that segment's field."""
    message = parse(RESULT.encode())
    observation = message.segments("OBX")[0]
    assert Path.parse("PID-3").of(observation) == ""
    assert observation.get("OBX-5") == "5.4"
    assert observation.components(3) == ["14749-6", "Glucose", "LN", "GLU"]
    assert observation.components(99) == observation.repetitions(99) == []
    assert message.header.field(0) == observation.field(0) == ""


@pytest.mark.parametrize(
    "wrong", ["OBX5", "OBX-0", "obx-5", "OBX(0)-1", "OBX-5.", "OBX-5.1.1.1", ""]
)
def test_nonsense_is_no_path(wrong: str) -> None:
    """A mapping with a typing error is told what to write."""
    with pytest.raises(LocalProtocolError) as error:
        Path.parse(wrong)
    assert error.value.what_to_do


@pytest.mark.parametrize("separator", ["\n", "\r\n"])
def test_line_feeds_between_segments_are_accepted_and_reported(separator: str) -> None:
    """Another parser returned such messages without any OBX and without an error."""
    message = parse(RESULT.replace("\r", separator).encode())
    assert len(message.segments("OBX")) == 2
    assert message.get("OBX(2)-11") == "F"
    assert message.notes == ("line_feed_separators",)


def test_a_byte_order_mark_is_stripped_and_reported() -> None:
    """Files saved by editors."""
    assert parse(b"\xef\xbb\xbf" + RESULT.encode()).notes == ("byte_order_mark",)


@pytest.mark.parametrize(
    ("declared", "delimiters"),
    [
        ("|^~\\&|", USUAL),
        ("|^~\\&#|", Delimiters("|", "^", "~", "\\", "&", "#")),
        ("|^~\\|", USUAL),
        ("!@*$%!", Delimiters("!", "@", "*", "$", "%")),
    ],
)
def test_delimiters_are_read_from_the_header(declared: str, delimiters: Delimiters) -> None:
    """Also without the sub-component character, and with the truncation character of 2.7."""
    message = parse(f"MSH{declared}X\r".encode())
    assert message.delimiters == delimiters
    assert message.header.get("MSH-3") == "X"
    assert message.notes == ()


@pytest.mark.parametrize("declared", ["|-¥&|", "||", "|^~|", "|^^^^|", "|abcd|", "|^~\\&#!|", "|"])
def test_damaged_delimiters_give_the_usual_ones_and_a_note(declared: str) -> None:
    """A display font turned `^~\\&` into something else in a real message."""
    message = parse(f"MSH{declared}X|LAB\rPID|1||A^B\r".encode())
    assert message.delimiters == USUAL
    assert message.get("PID-3.2") == "B"
    assert message.notes == ("delimiters_damaged",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
        ("\\E\\F\\E\\", "\\F\\"),
        ("\\XC3A4\\", "ä"),
        ("\\X0D\\\\X0A\\", "\r\n"),
        ("a\\.br\\b\\.sp\\c\\.sp2\\d", "a\nb\nc\n\nd"),
        ("\\.in+4\\\\.ti2\\\\.fi\\\\.nf\\x\\.sk3\\y\\.ce\\z", "x   y\nz"),
        ("\\.sp9999\\", "\n" * 256),
        ("\\H\\bold\\N\\", "bold"),
        ("\\C2842\\ \\M2442\\ \\Zlocal\\", "\\C2842\\ \\M2442\\ \\Zlocal\\"),
        ("\\Q\\ C:\\dir\\file \\X4\\", "\\Q\\ C:\\dir\\file \\X4\\"),
        ("lone \\ stays \\", "lone \\ stays \\"),
    ],
)
def test_escapes_are_decoded_once_from_left_to_right(written: str, meant: str) -> None:
    """Unknown and unterminated sequences are kept literally."""
    assert unescape(written, USUAL) == meant


@pytest.mark.parametrize(
    ("charset", "codec", "letters"),
    [
        ("UNICODE UTF-8", "utf-8", "äß漢"),
        ("UNICODE", "utf-8", "äß漢"),
        ("8859/1", "iso8859-1", "äß"),
        ("8859/15", "iso8859-15", "€"),
        ("8859/5~UNICODE", "iso8859-5", "Ж"),
        ("GB 18030-2000", "gb18030", "漢"),
        ("ISO IR14", "shift_jis", "漢"),
        ("KS X 1001", "euc_kr", "한"),
        ("BIG-5", "big5", "漢"),
        ("", "utf-8", "äß漢"),
        ("ASCII", "utf-8", "äß"),
    ],
)
def test_the_character_set_of_the_header_decides_the_decoding(
    charset: str, codec: str, letters: str
) -> None:
    """MSH-18 is read from the bytes before anything is decoded; an undeclared UTF-8 is noticed."""
    text = f"MSH|^~\\&|A||||||ACK|1|P|2.5|||||||{charset}\rNTE|1||{letters}\r"
    text = text.replace("|||||||" + charset, "||||||" + charset)
    message = parse(text.encode(codec))
    assert message.header.field(18) == charset
    assert message.get("NTE-3") == letters
    assert message.notes == ()


def test_undeclared_and_unknown_character_sets_use_the_encoding_of_the_line() -> None:
    """What no rule explains is a setting."""
    for charset in ("", "CNS 11643-1992"):
        text = f"MSH|^~\\&|A||||||ACK|1|P|2.5||||||{charset}\rNTE|1||Größe\r"
        message = parse(text.encode("cp1252"), "cp1252")
        assert message.get("NTE-3") == "Größe"
    assert codec_for("CNS 11643-1992") is None


def test_a_byte_that_cannot_be_decoded_is_marked_and_reported() -> None:
    """Never a reason to lose a result; and the mark is no escape sequence."""
    data = b"MSH|^~\\&|A||||||ACK|1|P|2.5||||||UNICODE UTF-8\rNTE|1||Gr\xf6\xdfe\r"
    message = parse(data)
    assert message.get("NTE-3") == "Gr<xF6><xDF>e"
    assert message.notes == ("undecodable_bytes",)
    assert message.undecodable_at == data.index(b"\xf6")


@pytest.mark.parametrize("data", [b"", b"MSH", b"PID|1", b"\r\n", b"H|\\^&"])
def test_bytes_without_a_header_are_refused(data: bytes) -> None:
    """Without MSH there are no delimiters: nothing can be read."""
    with pytest.raises(RemoteProtocolError) as error:
        parse(data)
    assert error.value.reason == "header_missing"


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_after_msh_are_read_without_an_exception(data: bytes) -> None:
    """Whatever a peer sends, the worst is a note."""
    message = parse(b"MSH|" + data)
    for segment in message.segments_in_order:
        segment.components(3)
        segment.get("OBX-5.1")
    glance(b"MSH|" + data)


def test_a_glance_reads_what_a_link_needs_without_decoding() -> None:
    """Control id, what is acknowledged, and which acknowledgements are wanted."""
    order = b"MSH|^~\\&|LIS|H|MW|L|2026||OML^O21|LIS-1|P|2.5.1|||NE|AL||UNICODE UTF-8\rPID|1\r"
    seen = glance(order)
    assert seen is not None
    assert (seen.control_id, seen.accept_condition, seen.application_condition) == (
        "LIS-1", "NE", "AL",
    )  # fmt: skip
    assert not seen.is_acknowledgement
    answer = glance(b"\nMSH|^~\\&|LIS\nMSA|AA|MW-7|ok\nERR|\n")
    assert answer is not None
    assert answer.is_acknowledgement
    assert answer.acknowledged_id == "MW-7"
    assert glance(b"nothing") is None
    short = glance(b"MSH|^~\\&|||||||ACK")
    assert short is not None
    assert short.is_acknowledgement
    assert short.acknowledged_id == short.control_id == ""


def test_nothing_of_a_patient_shows_in_the_representation_of_a_segment() -> None:
    """Segments end up in tracebacks and logs."""
    assert "TESTCASE" not in repr(parse(RESULT.encode()).segments("PID"))
