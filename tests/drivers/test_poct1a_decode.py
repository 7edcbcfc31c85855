"""POCT1-A messages into results: whose, which, how much, and what a person must look at."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.driver.api import DecodeContext, IdentifyingDriver, LinkContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind, Result, ResultStatus, SampleRole, ValueKind
from middleware.wire.link import EndingLink
from tests.kit.poct1a_texts import hello, observation, status, text

CATALOGUE = load_catalogue()
GENERIC = CATALOGUE.driver("generic_poct1a")
CONTEXT = DecodeContext(time_zone="Europe/Berlin")


def decoded(data: bytes) -> Envelope:
    return GENERIC.decode(data, CONTEXT)


def service(inner: str, role: str = "OBS", root: str = "OBS.R01", head: str = "") -> bytes:
    body = f'<SVC><SVC.role_cd V="{role}"/>{head}{inner}</SVC>'
    return text(root, 3, body)


def one(value: str, extra: str = "", code: str = "GLU") -> str:
    return f'<OBS><OBS.observation_id V="{code}"/><OBS.value V="{value}" U="mmol/L"/>{extra}</OBS>'


def single(data: bytes) -> Result:
    (result,) = decoded(data).results
    return result


def specialised(**changes: object) -> Profile:
    content = GENERIC.profile.model_dump(mode="json", exclude_unset=True)
    return Profile.model_validate({**content, **changes})


def driver_of(**changes: object) -> object:
    from drivers.protocols.poct1a import PROTOCOL  # noqa: PLC0415

    return PROTOCOL.make_driver(specialised(**changes))


def test_the_hello_before_a_message_says_which_analyzer_measured() -> None:
    """One line carries many meters."""
    envelope = decoded(hello() + b"\n" + observation(17))
    assert (envelope.analyzer, envelope.analyzer_serial) == ("D1", "D1")
    assert envelope.message_control_id == "17"
    assert envelope.results[0].module == "D1"


def test_another_analyzers_hello_is_told_before_and_refused_when_read() -> None:
    """A wrong connection is no bad data."""
    driver = driver_of(identify={"DEV.device_id": "D2"})
    assert isinstance(driver, IdentifyingDriver)
    message = hello() + observation()
    assert "D2" in driver.identify(message).complaint
    assert driver.identify(observation()).complaint == ""
    assert driver.identify(b"nothing") == driver.identify(b"<OBS.R01><bad></OBS.R01>")
    with pytest.raises(DriverError, match="wrong analyzer"):
        driver.decode(message, CONTEXT)  # type: ignore[attr-defined]


def test_a_result_without_a_sample_id_has_none() -> None:
    """The patient's number is no specimen's; review holds it."""
    result = single(observation(order=""))
    assert result.specimen.sample_id == ""
    assert result.specimen.patient is not None
    assert result.specimen.patient.identifiers[0].id == "P1"


def test_nothing_is_taken_from_another_service_or_patient() -> None:
    """Each observation belongs to what stands around it."""
    first = f'<PT><PT.patient_id V="P1"/>{one("1.0")}</PT><ORD><ORD.order_id V="A"/></ORD>'
    second = f'<PT><PT.patient_id V="P2"/>{one("2.0")}</PT>'
    envelope = decoded(text("OBS.R01", 3, f"<SVC>{first}</SVC><SVC>{second}</SVC>"))
    said = [
        (one.specimen.sample_id, one.specimen.patient.identifiers[0].id)
        for one in envelope.results
        if one.specimen.patient
    ]
    assert said == [("A", "P1"), ("", "P2")]
    beside = f'<PT><PT.patient_id V="P1"/></PT><PT><PT.patient_id V="P2"/></PT>{one("3.0")}'
    assert single(service(beside)).specimen.patient is None


@pytest.mark.parametrize(
    ("role", "root", "inner", "expected"),
    [
        ("OBS", "OBS.R01", "", SampleRole.PATIENT),
        ("LQC", "OBS.R01", "", SampleRole.QC),
        ("EQC", "OBS.R02", "", SampleRole.QC),
        ("PRF", "OBS.R02", "", SampleRole.QC),
        ("CAL", "OBS.R02", "", SampleRole.CALIBRATOR),
        ("OBS", "OBS.R02", "", SampleRole.QC),
        ("", "OBS.R02", "", SampleRole.QC),
        ("OBS", "OBS.R01", '<CTC><CTC.lot_number V="L"/></CTC>', SampleRole.QC),
    ],
)
def test_any_mark_of_a_control_makes_one(
    role: str, root: str, inner: str, expected: SampleRole
) -> None:
    """Only a patient's result may reach the LIS."""
    assert single(service(inner + one("5.4"), role, root)).specimen.role is expected


def test_a_role_that_nobody_knows_waits_for_a_person() -> None:
    """It is neither sent as a patient's nor hidden as a control."""
    result = single(service(one("5.4"), "XYZ"))
    assert result.value.kind is ValueKind.UNEXPLAINED
    assert "XYZ" in result.value.reason
    rule = {"path": "SVC.role_cd", "table": {"XYZ": "patient"}}
    specimen = GENERIC.profile.specimen.model_dump(mode="json", exclude_unset=True)
    driver = driver_of(specimen={**specimen, "role": [rule]})
    (known,) = driver.decode(service(one("5.4"), "XYZ"), CONTEXT).results  # type: ignore[attr-defined]
    assert known.value.kind is ValueKind.NUMBER


@pytest.mark.parametrize(
    ("head", "code", "expected"),
    [
        ("", "A", ResultStatus.FINAL),
        ("", "D", ResultStatus.WITHDRAWN),
        ("", "R", ResultStatus.WITHDRAWN),
        ("", "Z", ResultStatus.UNKNOWN),
        ('<SVC.reason_cd V="EDT"/>', "A", ResultStatus.CORRECTED),
        ('<SVC.reason_cd V="EDT"/>', "D", ResultStatus.WITHDRAWN),
        ('<SVC.reason_cd V="RES"/>', "A", ResultStatus.FINAL),
    ],
)
def test_what_the_analyzer_took_back_or_edited_is_never_final(
    head: str, code: str, expected: ResultStatus
) -> None:
    """A person decides; a mere repetition stays what it was."""
    result = single(service(one("5.4", f'<OBS.status_cd V="{code}"/>'), head=head))
    assert result.status is expected
    assert result.value.number is not None


@pytest.mark.parametrize(
    ("sent", "at", "mark"),
    [
        ("2026-03-14T09:29:54+01:00", "2026-03-14T08:29:54", ""),
        ("2026-03-14T09:29:54.250-05:00", "2026-03-14T14:29:54", ""),
        ("2026-03-14T09:29:54Z", "2026-03-14T09:29:54", ""),
        ("2026-03-14T09:29:54", "2026-03-14T08:29:54", ""),
        ("2026-03-14 09:29", "2026-03-14T08:29:00", ""),
        ("20260314092954", "2026-03-14T08:29:54", ""),
        ("2026-03-14", None, "date_only"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00", "ambiguous"),
        ("14.03.2026 09:29", None, "unreadable"),
        ("2026-13-14T09:29:54", None, "unreadable"),
        ("", None, "absent"),
    ],
)
def test_times_name_one_instant_or_say_why_not(sent: str, at: str | None, mark: str) -> None:
    """With the offset that was sent, else in the line's zone; the text stays as sent."""
    head = f'<SVC.observation_dttm V="{sent}"/>'
    measured = single(service(one("5.4"), head=head)).measured
    expected = None if at is None else datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert (measured.at, measured.mark, measured.text) == (expected, mark, sent)


def test_two_identifiers_that_differ_leave_a_doubt() -> None:
    """An order number and a specimen number: a person compares."""
    inner = one("5.4") + '<ORD><ORD.order_id V="A1"/></ORD><SPC><SPC.specimen_id V="S1"/></SPC>'
    assert single(service(inner)).specimen.sample_id_doubt == "ORD.order_id is 'A1'"


def test_a_name_in_latin_1_is_marked_and_the_result_is_read() -> None:
    """Damage in one field costs that field alone."""
    inner = f'<PT><PT.name V="Müller"/>{one("5.4")}</PT>'
    data = service(inner).decode().encode("latin-1")
    envelope = decoded(data)
    assert envelope.results[0].specimen.patient is not None
    assert envelope.results[0].specimen.patient.name == "M<xFC>ller"
    assert [fault.code for fault in envelope.faults] == ["undecodable_bytes"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no whole message"),
        (b"H|\\^&|||", "no whole message"),
        (observation()[:-5], "no whole message"),
        (hello() + observation()[:-5], "ends inside a message"),
        (b"<OBS.R01><HDR></OBS.R01>", "not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><OBS.R01>&b;</OBS.R01>', "DOCTYPE"),
        (hello() + status(), "neither observations nor events"),
    ],
)
def test_what_cannot_be_read_at_all_says_why(data: bytes, said: str) -> None:
    """The message stays findable, with a reason."""
    with pytest.raises(DriverError, match=said):
        decoded(data)


def test_a_file_may_hold_several_messages() -> None:
    """Middleware of other makers writes them one after the other."""
    data = b"\xef\xbb\xbf" + hello() + observation(4) + b"\r\n" + observation(5, order="S-2")
    envelope = GENERIC.decode(data, DecodeContext(is_file=True))
    assert [one.specimen.sample_id for one in envelope.results] == ["S-1", "S-2"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (hello() + observation(), MessageKind.RESULT),
        (observation(root="OBS.R02"), MessageKind.QC),
        (observation() + observation(root="OBS.R02"), MessageKind.RESULT),
        (b'<p:OBS.R01 xmlns:p="x">', MessageKind.RESULT),
        (text("EVS.R01", 3), MessageKind.OTHER),
        (hello(), MessageKind.OTHER),
        (b"\x05\x02", MessageKind.UNREADABLE),
    ],
)
def test_a_glance_tells_what_a_message_is(data: bytes, kind: MessageKind) -> None:
    """Without decoding it."""
    assert GENERIC.kind(data) is kind


def test_link_options_are_checked_and_reach_the_link() -> None:
    """A mistake of a site is told with what to write instead."""
    with pytest.raises(DriverError, match="did you mean 'continuous'"):
        GENERIC.make_link({"continous": True})
    with pytest.raises(DriverError, match="no tolerance of POCT1-A"):
        GENERIC.make_link({"quirks": ["checksum_absent"]})
    now = datetime(2026, 3, 14, 8, 30, 8, tzinfo=UTC)
    link = GENERIC.make_link({"set_time": True}, LinkContext(lambda: now, "Europe/Berlin"))
    assert isinstance(link, EndingLink)
    link.connection_made(0.0)
    link.receive_bytes(hello() + status(), 0.0)
    written = link.bytes_to_send()
    assert b'<TM.dttm V="2026-03-14T09:30:08+01:00"/>' in written
    assert b'<HDR.creation_dttm V="2026-03-14T09:30:08+01:00"/>' in written


@pytest.mark.parametrize("path", ["R-4", "OBX-5.1", "OBS", "obs.value", "OBS.value@"])
def test_a_path_of_another_protocol_is_refused(path: str) -> None:
    """When the driver is made, not with the first message."""
    result = GENERIC.profile.result.model_dump(mode="json", exclude_unset=True)
    with pytest.raises(DriverError, match="no path of POCT1-A"):
        driver_of(result={**result, "value": path})


@pytest.mark.slow
@given(data=st.binary(max_size=300), cut=st.integers(0, 300), at=st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_damaged_messages_raise_driver_errors_only(data: bytes, cut: int, at: int) -> None:
    """Glances never raise, and decoding says that it cannot read."""
    message = observation()
    damaged = message[:at] + data + message[at + cut :]
    GENERIC.kind(damaged)
    try:
        decoded(damaged)
    except DriverError:
        return
