"""Reading LIS2 messages by a profile: whose, which test, which value; what is refused whole."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import Profile, read_profile
from middleware.errors import DriverError
from middleware.model import (
    AbnormalFlag,
    Envelope,
    MessageKind,
    ResultStatus,
    SampleRole,
    ValueKind,
)

GENERIC = load_catalogue().driver("generic_astm")
BERLIN = DecodeContext(time_zone="Europe/Berlin")
HEADER = r"H|\^&|||DEMO^SN1|||||LIS||P|LIS2-A2|20310304100000"

PROFILE = """
[driver]
id = "demo"
name = "Demo"
protocol = "lis2"
roles = ["results"]
manual = "none"
tier = "drafted"
{more}
[specimen]
sample_id = "O-3.1"
[result]
test_code = "{test_code}"
value = "{value}"
"""


def _decode(*records: str, header: str = HEADER, context: DecodeContext = BERLIN) -> Envelope:
    text = "\r".join([header, *records, "L|1|N"]) + "\r"
    return GENERIC.decode(text.encode(context.encoding), context)


def _profile(more: str = "", test_code: str = "R-3.4", value: str = "R-4") -> Profile:
    return read_profile(PROFILE.format(more=more, test_code=test_code, value=value), "demo")


def test_each_result_takes_its_specimen_from_its_own_order() -> None:
    """Two patients in one message never mix."""
    read = _decode(
        "P|1|PT-1", "O|1|S1", "R|1|^^^A|1", "P|2|PT-2", "O|1|S2", "R|1|^^^A|2", "R|2|^^^B|3"
    )
    assert [
        (one.specimen.sample_id, one.specimen.patient and one.specimen.patient.identifiers[0].id)
        for one in read.results
    ] == [("S1", "PT-1"), ("S2", "PT-2"), ("S2", "PT-2")]


def test_a_result_without_an_order_has_no_sample_id_and_never_the_previous_one() -> None:
    """A lost order record leaves a result that a person must place, not a result of another patient."""
    read = _decode("P|1|PT-1", "O|1|S1", "R|1|^^^A|1", "P|2|PT-2", "R|1|^^^A|2")
    assert [one.specimen.sample_id for one in read.results] == ["S1", ""]
    assert "parent_missing" in [fault.code for fault in read.faults]


def test_an_empty_sample_id_stays_empty() -> None:
    """Blanks, an explicit null and an empty field name nobody."""
    for sample_id in ("", "   ", '""', "^S1"):
        assert _decode("P|1", f"O|1|{sample_id}", "R|1|^^^A|1").results[0].specimen.sample_id == ""


def test_equal_tests_of_one_specimen_are_numbered_as_runs() -> None:
    """A repeat inside one message is told from the first measurement, for each specimen and detail apart."""
    read = _decode(
        "P|1", "O|1|S1", "R|1|^^^A|1", "R|2|^^^A|2", "R|3|^^^A^1|3", "O|2|S2", "R|1|^^^A|4",
        "O|3|S1", "R|1|^^^A|5", "O|4|", "R|1|^^^A|6", "O|5|", "R|1|^^^A|7",
    )  # fmt: skip
    assert [one.run for one in read.results] == [1, 2, 1, 1, 3, 1, 1]


def test_everything_that_a_result_record_says_is_read() -> None:
    """The LIS gets value, unit, range, flags, status, time, operator and module as sent."""
    read = _decode(
        "P|1",
        "O|1|S1|I7|^^^K|R||||||N||||SER",
        r"R|1|^^^K^2823-3|6.8|mmol/L|3.5 to 5.1|HH\*||C||OP7|20310304100000|20310304101500|ISE",
        "C|1|I|HEM^Haemolysis|I",
        "C|2|L|seen by hand|G",
    )
    (one,) = read.results
    assert (one.test_code, one.test_detail, one.test_id_raw) == ("K", "2823-3", "^^^K^2823-3")
    assert (one.value.kind, one.value.number) == (ValueKind.NUMBER, Decimal("6.8"))
    assert (one.unit, one.reference_range, one.operator, one.module) == (
        "mmol/L", "3.5 to 5.1", "OP7", "ISE",
    )  # fmt: skip
    assert one.abnormal_flags == (AbnormalFlag.CRITICAL_HIGH,)
    assert one.abnormal_flags_raw == r"HH\*"
    assert one.instrument_flags == ("*", "HEM^Haemolysis")
    assert one.status is ResultStatus.CORRECTED
    assert one.measured.at == datetime(2031, 3, 4, 9, 15, tzinfo=UTC)
    assert [comment.text for comment in one.comments] == ["HEM^Haemolysis", "seen by hand"]
    assert (one.specimen.instrument_sample_id, one.specimen.specimen_type) == ("I7", "SER")
    assert (one.source.record, one.source.name) == (4, "R")


def test_a_comment_on_the_order_stands_beside_each_of_its_results_and_no_others() -> None:
    """A haemolysed tube is haemolysed for each of its tests."""
    read = _decode(
        "P|1", "O|1|S1", "C|1|I|LIPEMIC|I", "R|1|^^^A|1", "R|2|^^^B|2", "O|2|S2", "R|1|^^^A|3"
    )
    assert [one.instrument_flags for one in read.results] == [("LIPEMIC",), ("LIPEMIC",), ()]


@pytest.mark.parametrize(
    ("header", "order", "rule"),
    [
        (HEADER.replace("||P|", "||Q|"), "O|1|S1", "H-12 is Q"),
        (HEADER.replace("||P|", "||T|"), "O|1|S1", "H-12 is T"),
        (HEADER, "O|1|S1|||||||||Q", "O-12 is Q"),
        (HEADER, "O|1|S1|||||||||N||||CTRL", "O-16 matches "),
        (HEADER, "O|1|S1|||||||||N||||SER^Control 2", "O-16 matches "),
        (HEADER, "O|1|S1|||||||||N||||QC1", "O-16 matches "),
        (HEADER, "O|1|S1|||||||||q", "O-12 matches "),
        (HEADER, r"O|1|S1|||||||||Q\N", "O-12 matches "),
        (HEADER.replace("||P|", "||q|"), "O|1|S1", "H-12 matches "),
        (HEADER, "O|1|S1^QC", "O-3 matches "),
    ],
)
def test_a_marked_control_is_never_a_patients(header: str, order: str, rule: str) -> None:
    """No control reaches a patient's record, and the specimen says which mark decided."""
    (one,) = _decode("P|1", order, "R|1|^^^A|1", header=header).results
    assert one.specimen.role is SampleRole.QC
    assert one.specimen.role_rule.startswith(rule)


@pytest.mark.parametrize("specimen", ["CALCULUS", "SER^uncontrolled", "QCD", "BLANKET SWAB"])
def test_a_material_that_only_begins_like_a_control_is_a_patients(specimen: str) -> None:
    """A kidney stone is no calibrator."""
    (one,) = _decode("P|1", f"O|1|S1|||||||||N||||{specimen}", "R|1|^^^A|1").results
    assert one.specimen.role is SampleRole.PATIENT


@pytest.mark.parametrize(
    ("field", "doubt"),
    [
        ("2603140001", ""),
        ("2603140001^R07^3", ""),
        ("2603140001^2603140001", ""),
        ("2603140001^^", ""),
        ("117^AB-2603140001   ^1", "O-3.2 is 'AB-2603140001'"),
        (r"2603140001\2603140002", "O-3 names more than one specimen"),
    ],
)
def test_the_generic_driver_doubts_an_id_beside_which_another_stands(
    field: str, doubt: str
) -> None:
    """A running number is not the number on the tube; which is which, only the analyzer's own driver knows."""
    (one,) = _decode("P|1", f"O|1|{field}", "R|1|^^^A|1").results
    assert one.specimen.sample_id_doubt == doubt


def test_the_standards_marks_hold_for_a_profile_that_names_none() -> None:
    """Who writes a profile cannot forget them."""
    driver = PROTOCOL.make_driver(_profile())
    text = f"{HEADER}\rP|1\rO|1|S1|||||||||Q\rR|1|^^^A|1\rL|1\r".encode()
    assert driver.decode(text, BERLIN).results[0].specimen.role is SampleRole.QC


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("2+^75", "value split over components"),
        ("^12.5", "value not in the first component"),
        (r"1.0\2.0", "value repeated"),
        ("", "no value"),
        ("^", "no value"),
    ],
)
def test_a_value_that_is_not_alone_in_its_first_component_is_held(field: str, reason: str) -> None:
    """Which part is the result is for the profile or a person to say."""
    value = _decode("P|1", "O|1|S1", f"R|1|^^^A|{field}|g/L").results[0].value
    assert (value.kind, value.reason, value.raw) == (ValueKind.UNEXPLAINED, reason, field)


def test_delimiters_after_the_value_mean_nothing_by_a_named_rule() -> None:
    """`98.2^^^^` is 98.2, and the result says why."""
    value = _decode("P|1", "O|1|S1", "R|1|^^^A|98.2^^^^|g/L").results[0].value
    assert (value.number, value.rule) == (Decimal("98.2"), "trailing_delimiters")
    strict = PROTOCOL.make_driver(_profile())
    text = f"{HEADER}\rP|1\rO|1|S1\rR|1|^^^A|98.2^^^^|g/L\rL|1\r".encode()
    assert strict.decode(text, BERLIN).results[0].value.kind is ValueKind.UNEXPLAINED


def test_a_profile_may_name_the_component_that_is_the_value() -> None:
    """Where a maker sends two notations, one is chosen by name and the whole field is kept."""
    driver = PROTOCOL.make_driver(_profile(value="R-4.2"))
    text = f"{HEADER}\rP|1\rO|1|S1\rR|1|^^^A|2+^75\rL|1\r".encode()
    value = driver.decode(text, BERLIN).results[0].value
    assert (value.number, value.raw, value.rule) == (Decimal(75), "2+^75", "R-4.2")


@pytest.mark.parametrize("test_id", ["", "^^^", r"^^^A\^^^B"])
def test_a_result_without_one_test_is_held(test_id: str) -> None:
    """A value of no test, or of two, is nobody's result."""
    (one,) = _decode("P|1", "O|1|S1", f"R|1|{test_id}|5.4|g/L").results
    assert (one.test_code, one.value.kind, one.value.reason) == (
        "", ValueKind.UNEXPLAINED, "no test code",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("test_id", "code", "detail"),
    [
        ("^^^GLU", "GLU", ""),
        ("^^^^WBC^1", "WBC", "1"),
        ("^POD^^", "POD", ""),
        ("718-7", "718-7", ""),
        ("^^^HIV^X^39^1^^F", "HIV", "X^39^1^^F"),
    ],
)
def test_code_and_detail_of_a_test_are_found_where_makers_put_them(
    test_id: str, code: str, detail: str
) -> None:
    """Final value and interpretation of one test are two results, not one twice."""
    (one,) = _decode("P|1", "O|1|S1", f"R|1|{test_id}|5.4").results
    assert (one.test_code, one.test_detail, one.test_id_raw) == (code, detail, test_id)


def test_other_delimiters_and_escapes_are_read_by_role() -> None:
    """A name with an escaped delimiter stays one name; nothing depends on the usual characters."""
    read = _decode(
        r"P|1|PT\S\1|||Testcase^Ada", "O|1|S1", r"R|1|^^^A|POS^|||H@L||||OP\S\7",
        header=r"H|@^\|M1||DEMO",
    )  # fmt: skip
    (one,) = read.results
    assert one.specimen.patient is not None
    assert one.specimen.patient.identifiers[0].id == "PT^1"
    assert one.specimen.patient.name == "Testcase^Ada"
    assert one.operator == "OP^7"
    assert one.abnormal_flags == (AbnormalFlag.HIGH, AbnormalFlag.LOW)


def test_a_letter_beyond_ascii_is_read_in_the_lines_encoding() -> None:
    """Müller stays Müller."""
    for encoding in ("latin-1", "utf-8", "cp1252"):
        read = _decode(
            "P|1||||Müller^Änne", "O|1|S1", "R|1|^^^A|1", context=DecodeContext("UTC", encoding)
        )
        assert read.results[0].specimen.patient is not None
        assert read.results[0].specimen.patient.name == "Müller^Änne"


def test_an_order_that_could_not_be_done_is_unread_with_its_comment() -> None:
    """A failed specimen is visible and has no result."""
    read = _decode("P|1", "O|1|S1||^^^A|||||||||||||||||||||X", "C|1|I|Clot|I")
    assert read.results == ()
    (unread,) = read.unread
    assert (unread.sample_id, unread.comments[0].text) == ("S1", "Clot")
    assert "O-26 is X" in unread.reason


def test_a_query_names_each_specimen_once() -> None:
    """Several tubes in one question."""
    (query,) = _decode(r"Q|1|^S1\^S2\^S1||ALL||||||||O").queries
    assert query.sample_ids == ("S1", "S2")
    assert (query.is_for_all, query.is_cancel) == (False, False)
    (query,) = _decode("Q|1|ALL||||||||||A").queries
    assert (query.sample_ids, query.is_for_all, query.is_cancel) == ((), True, True)


def test_another_analyzers_message_is_refused_with_record_and_field() -> None:
    """A wrong cable is an error that names itself, not bad data."""
    driver = PROTOCOL.make_driver(_profile('[identify]\n"H-5.1" = ["c311", "c501"]'))
    with pytest.raises(DriverError, match="wrong analyzer on this line") as raised:
        driver.decode(f"{HEADER}\rL|1\r".encode(), BERLIN)
    assert (raised.value.record, raised.value.field) == (1, "H-5.1")


def test_a_tolerance_that_the_profile_does_not_name_makes_the_message_unreadable() -> None:
    """Strict by default; the message is kept and read again once the profile names it."""
    text = f"{HEADER}\nP|1\nO|1|S1\nR|1|^^^A|1\nL|1\n".encode()
    strict = PROTOCOL.make_driver(_profile())
    with pytest.raises(DriverError, match="line_feed_separators"):
        strict.decode(text, BERLIN)
    tolerant = PROTOCOL.make_driver(_profile('[link]\nquirks = ["line_feed_separators"]'))
    read = tolerant.decode(text, BERLIN)
    assert (len(read.results), read.quirks) == (1, ("line_feed_separators",))


@pytest.mark.parametrize("text", [b"", b"garbage", b"P|1\rL|1\r", b"\xff\xfe\x00"])
def test_what_is_no_message_is_refused_with_advice(text: bytes) -> None:
    """Nothing unreadable passes as an empty message."""
    with pytest.raises(DriverError) as raised:
        GENERIC.decode(text, BERLIN)
    assert raised.value.what_to_do


def test_a_second_header_inside_a_message_is_refused() -> None:
    """Two messages glued together could give one the other's results."""
    with pytest.raises(DriverError, match="second header"):
        _decode("P|1", "O|1|S1", HEADER, "P|1", "O|1|S2", "R|1|^^^A|1")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{HEADER}\rP|1\rO|1|S1\rR|1|^^^A|1\rL|1\r", MessageKind.RESULT),
        (f"{HEADER}\rQ|1|^S1\rL|1\r", MessageKind.QUERY),
        # Taken for a question it would never be processed, and its result never arrive.
        (f"{HEADER}\rP|1\rO|1|S1\rR|1|^^^A|1\rQ|1|^S2\rL|1\r", MessageKind.RESULT),
        (f"{HEADER}\rL|1\r", MessageKind.OTHER),
        (HEADER.replace("||P|", "||Q|") + "\rP|1\rO|1|S1\rR|1|^^^A|1\rL|1\r", MessageKind.QC),
        (f"{HEADER}\rP|1\rO|1|S1|||||||||Q\rR|1|^^^A|1\rL|1\r", MessageKind.QC),
        ("H@\\^&@@@X\rP@1\rO@1@S1\rR@1@^^^A@1\rL@1\r", MessageKind.RESULT),
        ("nonsense", MessageKind.UNREADABLE),
        ("", MessageKind.UNREADABLE),
    ],
)
def test_a_glance_tells_what_a_message_is(text: str, kind: MessageKind) -> None:
    """A question is known as one before anything is decoded."""
    assert GENERIC.kind(text.encode()) is kind


@pytest.mark.parametrize(
    "options",
    [
        {"quirks": ["chekcsum_absent"]},
        {"quirk": []},
        {"quirks": ["records_numbered"]},
        {"receive_s": 0},
        {"receive_s": "soon"},
    ],
)
def test_wrong_link_options_of_a_line_are_refused_with_advice(options: dict[str, object]) -> None:
    """`labwire check` finds them before a connection does."""
    with pytest.raises(DriverError) as raised:
        GENERIC.make_link(options)
    assert raised.value.what_to_do


def test_a_line_adds_tolerances_to_those_of_the_profile() -> None:
    """A site's own converter may need one more; the profile's stay in force."""
    link = GENERIC.make_link({"quirks": ["checksum_zero"], "max_message_bytes": 2048})
    assert link.options.quirks >= {"checksum_zero", "nul_in_text"}  # type: ignore[attr-defined]
    assert link.options.max_message_bytes == 2048  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("test_code", "value"), [("O-5.4", "R-4"), ("R-3.4", "H-5"), ("PID-3.1", "R-4")]
)
def test_a_path_that_lis2_cannot_read_there_is_refused_when_the_driver_is_made(
    test_code: str, value: str
) -> None:
    """A profile is wrong at start, not at the first result."""
    with pytest.raises(DriverError, match="cannot be read there"):
        PROTOCOL.make_driver(_profile(test_code=test_code, value=value))


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_a_glance_never_raises(data: bytes) -> None:
    """Nothing that an analyzer sends can break a driver."""
    for text in (data, HEADER.encode() + b"\r" + data):
        GENERIC.kind(text)
        try:
            GENERIC.decode(text, BERLIN)
        except DriverError as error:
            assert str(error)


@pytest.mark.slow
@given(st.lists(st.text("PORCMQSLH|^\\&0123456789.<>+-AB \r", max_size=40), max_size=12))
def test_records_in_any_order_never_give_a_result_a_foreign_sample_id(records: list[str]) -> None:
    """The id of a result is always that of the order record above it."""
    text = "\r".join([HEADER, *records]).encode()
    try:
        read = GENERIC.decode(text, BERLIN)
    except DriverError:
        return
    lines = [line for line in text.decode().split("\r") if line]
    for one in read.results:
        above = lines[: one.source.record - 1]
        own = next((line for line in reversed(above) if line[:2] in ("O|", "P|")), "")
        sent = own.split("|")[2] if own.startswith("O|") and own.count("|") > 1 else ""
        assert one.specimen.sample_id in sent
