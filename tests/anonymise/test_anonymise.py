"""An anonymised capture is the same session of nobody: values, units and checksums stay, people go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.anonymise.capture import anonymise
from middleware.anonymise.masks import Masks
from middleware.anonymise.streams import CannotAnonymise
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.wire.capture import Moment, Way, format_moment, heading, read_capture
from middleware.wire.lis1.frame import checksum, encode_frame
from tests.kit.driver_session import play

KEY = b"a key of a test"
DRIVER = load_catalogue().driver("generic_astm")
RECORDS = (
    b"H|\\^&|||DEMO^1|||||||P|LIS2-A2|20310304093000\r",
    b"P|1|PID778812|LAB-55-1234||DOE^ANNA^MARIA||19791105|F||HIGH STREET 5^TOWN||555 1234|DR^SMITH\r",
    b"C|1|L|Anna Doe called on 4 March|G\r",
    b"O|1|2603140001^12^3||^^^GLU|R|20310304083000||||JONES\r",
    b"R|1|^^^GLU|5.4|mmol/L|3.9 to 6.1|H||F||OPERATOR7|20310304092900|20310304092930\r",
    b"R|2|^^^K|20310304|mmol/L||N||F||||20310304092931\r",
    b"L|1|N\r",
)
HL7 = (
    b"MSH|^~\\&|CHEM^SN42|LAB|||20310304093000+0100||ORU^R01|A-77|P|2.5.1\r"
    b"PID|||PID778812^^^HOSP^MR~998877^^^REG^PI||DOE^ANNA||19791105|F|||HIGH STREET 5\r"
    b"SPM|1|2603140001&LIS||SER^Serum^HL70487|||||||P^^HL70369||||||20310304083000\r"
    b"OBR|1|AWOS-9001|2603140001|GLU^Glucose^99DEMO\r"
    b"OBX|1|NM|GLU^Glucose^99DEMO|1|5.4|mmol/L^^UCUM|3.9 to 6.1|H|||F|||20310304092900||OP7\r"
    b"OBX|2|ED|IMG^Curve^99DEMO|1|ANNA DOE in a picture|||||||F\r"
    b"NTE|1||Anna Doe\\T\\son called\r"
    b"ZZZ|1|ANNA\r"
)
PEOPLE = (
    "PID778812",
    "1234",
    "ANNA",
    "DOE",
    "MARIA",
    "HIGH",
    "STREET",
    "SMITH",
    "JONES",
    "Anna",
    "Doe",
)
IDS = ("2603140001", "998877", "OPERATOR7", "19791105")


def _capture(*moments: tuple[Way, bytes]) -> list[str]:
    told = [Moment(0.0, Way.CONNECTION, b"opened 10.1.2.3")]
    told += [Moment(at / 10, way, data) for at, (way, data) in enumerate(moments, start=1)]
    return [
        *heading({"line": "chem-1", "asked for by": "maria"}).splitlines(keepends=True),
        *map(format_moment, told),
    ]


def _sent(text: str, way: Way = Way.FROM_ANALYZER) -> bytes:
    return b"".join(m.data for m in read_capture(text.splitlines(keepends=True)) if m.way is way)


def _astm(records: tuple[bytes, ...] = RECORDS) -> list[str]:
    frames = [encode_frame((at + 1) % 8, text) for at, text in enumerate(records)]
    steps = [b"\x05", *frames, b"\x04"]
    return _capture(
        *[step for one in steps for step in ((Way.FROM_ANALYZER, one), (Way.TO_ANALYZER, b"\x06"))]
    )


def test_nobody_is_left_in_an_astm_session() -> None:
    """Names, identifiers, the birth date, comments; also who asked for the capture and from where it came."""
    lines = _astm()
    done = anonymise(lines, KEY)
    for said in (*PEOPLE, *IDS, "maria", "10.1.2.3"):
        assert said not in done.text, said
    assert done.counts["identifiers"] >= 3
    assert done.counts["names"] >= 3


def test_an_anonymised_session_plays_as_before() -> None:
    """Frames with right checksums, the same tests, values, units, flags and runs; times moved by whole weeks."""
    before = play(DRIVER, [m.data for m in read_capture(_astm()) if m.way is Way.FROM_ANALYZER])
    text = anonymise(_astm(), KEY).text
    moments = list(read_capture(text.splitlines(keepends=True)))
    after = play(
        DRIVER,
        [m.data for m in moments if m.way is Way.FROM_ANALYZER],
        DecodeContext(),
    )
    assert after.refused == 0
    (one,), (two,) = before.envelopes, after.envelopes
    for old, new in zip(one.results, two.results, strict=True):
        assert (old.test_code, old.value, old.unit) == (new.test_code, new.value, new.unit)
        assert (old.abnormal_flags, old.reference_range) == (
            new.abnormal_flags,
            new.reference_range,
        )
        assert old.measured.at is not None
        assert new.measured.at is not None
        passed = old.measured.at - new.measured.at
        assert passed.days % 7 == 0
        assert passed.seconds == 0
        assert passed.days >= 364
        assert len(old.specimen.sample_id) == len(new.specimen.sample_id)
    assert [m.at_s for m in moments] == [m.at_s for m in read_capture(_astm())]


def test_a_frame_that_was_repeated_and_one_cut_in_two_stay_what_they_were() -> None:
    """A record over two frames, a repetition after a lost ACK, a frame in two reads."""
    whole = b"".join(RECORDS)
    first = encode_frame(1, whole[:130], 0x17)
    last = encode_frame(2, whole[130:])
    lines = _capture(
        (Way.FROM_ANALYZER, b"\x05"),
        (Way.FROM_ANALYZER, first),
        (Way.FROM_ANALYZER, first[:40]),
        (Way.FROM_ANALYZER, first[40:]),
        (Way.FROM_ANALYZER, last + b"\x04"),
    )
    text = anonymise(lines, KEY).text
    for said in PEOPLE:
        assert said not in text
    sent = _sent(text)
    frames = re.findall(rb"\x02([^\x03\x17]*[\x03\x17])([0-9A-F]{2})", sent)
    assert len(frames) == 3
    assert frames[0] == frames[1]
    assert all(checksum(body) == said for body, said in frames)


def test_nobody_is_left_in_hl7() -> None:
    """Segments that are not known, pictures and comments are masked; whose an identifier is stays."""
    block = b"\x0b" + HL7 + b"\x1c\r"
    done = anonymise(
        _capture((Way.FROM_ANALYZER, block[:50]), (Way.FROM_ANALYZER, block[50:])), KEY
    )
    sent = _sent(done.text)
    for said in (*PEOPLE, "2603140001", "998877", "OP7"):
        assert said.encode() not in sent, said
    assert b"|5.4|mmol/L^^UCUM|3.9 to 6.1|H|" in sent
    assert b"^^^HOSP^MR~" in sent
    assert b"|A-77|" in sent
    assert b"\\T\\" in sent
    assert len(sent) == len(block)


def test_the_same_text_is_replaced_by_the_same_in_both_directions() -> None:
    """The host's order names the tube that the analyzer asked for; afterwards too."""
    ask = (b"H|\\^&\r", b"Q|1|^2603140001||ALL\r", b"L|1|N\r")
    answer = (b"H|\\^&\r", b"P|1\r", b"O|1|2603140001||^^^GLU\r", b"L|1|N\r")
    lines = _capture(
        *[(Way.FROM_ANALYZER, encode_frame(at + 1, one)) for at, one in enumerate(ask)],
        *[(Way.TO_ANALYZER, encode_frame(at + 1, one)) for at, one in enumerate(answer)],
    )
    text = anonymise(lines, KEY).text
    asked = re.search(rb"Q\|1\|\^(\d{10})\|", _sent(text))
    answered = re.search(rb"O\|1\|(\d{10})\|", _sent(text, Way.TO_ANALYZER))
    assert asked is not None
    assert answered is not None
    assert asked[1] == answered[1] != b"2603140001"
    assert anonymise(lines, KEY).text == text
    assert anonymise(lines, b"another key").text != text


def test_a_control_stays_a_control() -> None:
    """The words by which a driver tells controls are of nobody."""
    masks = Masks(KEY)
    assert masks.identifier("QC-33541102").startswith("QC-")
    assert masks.identifier("QC-33541102") != "QC-33541102"
    assert masks.identifier("0000") == "0000"
    assert masks.identifier("NOREAD") == "NOREAD"


def test_what_is_not_understood_is_refused() -> None:
    """A protocol whose fields are not known: nothing is written, and the place is named."""
    with pytest.raises(CannotAnonymise, match=r"from second 0\.100 on"):
        anonymise(_capture((Way.FROM_ANALYZER, b"D 0012345 ANNA DOE\r\n")), KEY)


def test_what_is_cut_off_is_masked() -> None:
    """The capture ended inside a frame."""
    frame = encode_frame(1, RECORDS[0])
    done = anonymise(_capture((Way.FROM_ANALYZER, frame + b"\x022P|1|PID778812||")), KEY)
    assert "PID778812" not in done.text
    assert done.counts["pieces outside of messages, masked"] >= 1


@given(
    st.from_regex(r"[A-Z]{4,9}", fullmatch=True), st.from_regex(r"[1-9][0-9]{5,11}", fullmatch=True)
)
def test_no_name_and_no_number_survives(name: str, number: str) -> None:
    """Whoever it is, wherever the analyzer puts it."""
    records = (
        b"H|\\^&\r",
        b"P|1|%s|||%s\r" % (number.encode(), name.encode()),
        b"O|1|%s||^^^GLU\r" % number.encode(),
        b"R|1|^^^GLU|5.4|mmol/L||N||F||%s\r" % name.encode(),
        b"M|1|%s %s\r" % (name.encode(), number.encode()),
        b"L|1|N\r",
    )
    sent = _sent(anonymise(_astm(records), KEY).text)
    assert number.encode() not in sent
    kept = b"GLU mmol H P O R L M N F X"
    assert (
        name.encode() in kept or re.search(rb"(?<![A-Z])%s(?![A-Z])" % name.encode(), sent) is None
    )


def _hl7(*segments: bytes) -> str:
    header = rb"MSH|^~\&|CHEM|LAB|||20310304093000||ORU^R01|A-77|P|2.5.1"
    people = b"PID|||PID778812||DOEHRING^ANNA||19791105|F"
    text = b"\r".join((header, people, *segments)) + b"\r"
    moment = (Way.FROM_ANALYZER, b"\x0b" + text + b"\x1c\r")
    return anonymise(_capture(moment), KEY, keep_comments=True).text


@pytest.mark.parametrize(
    ("segment", "gone"),
    [
        (b"OBX|1|TX|REM||one line\nAnna Doehring\nlives here|||||||F", b"lives"),
        (b"Anna Doehring", b"Doehring"),
        (b"NTE|1||anna doehring called", b"doehring"),
        (b"OBX|1|ST|01002^Remark^99MRC||Anna Doehring|||||||F", b"Doehring"),
        (b"OBR|1||X^1^Doehring", b"Doehring"),
        (b"OBR|1|||GLU||Doehring", b"Doehring"),
        (b"OBR|1|||GLU||||||||||||||Ward of somebody", b"somebody"),
        (b"SPM|1|XPID778812A", b"778812"),
        (b"OBX|1|NM|GLU||5.4||||||F|||20310304||||CHEM1~X778812Y", b"778812"),
    ],
)
def test_a_name_in_an_unusual_place_is_found(segment: bytes, gone: bytes) -> None:
    """Texts broken into lines, other capitals, values, further components, fields of another kind, parts of words."""
    assert gone not in _sent(_hl7(segment))


def test_a_line_that_is_no_record_is_masked_in_frames_too() -> None:
    """A header that was lost, or a listing in LIS01 frames."""
    records = (b"P!1!PID778812!!!DOE^ANNA\r", b"ANNA DOE 5.4 mmol/L\r")
    sent = _sent(anonymise(_astm(records), KEY).text)
    assert not [word for word in (b"ANNA", b"DOE", b"778812") if word in sent]


def test_an_escape_inside_a_name_stays_an_escape() -> None:
    """Else the message could not be read any more."""
    segment = rb"PV1|1|I|||||DR1^O\T\MALLEY"
    text = rb"PID|||1||O\T\MALLEY^ANNA"
    sent = _sent(_hl7(segment, text))
    assert sent.count(rb"\T" + b"\\") == 2
    assert b"MALLEY" not in sent
