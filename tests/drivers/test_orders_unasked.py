"""What drivers write for analyzers that did not ask: new tests, more of them, and what was taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.protocols.law import LawDriver
from drivers.protocols.law.broadcast import BroadcastingLawDriver
from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.api import AnswerContext, DownloadingDriver, EncodedAnswer, TellingDriver
from middleware.driver.order_section import DownloadSection, MessagesAs
from middleware.driver.profile import read_profile
from middleware.errors import DriverError
from middleware.model import Patient, Priority, SpecimenWork, ToTell, WorkOrderStep
from tests.kit.law_messages import generic_law, header, lines, message

PROFILE = Path(__file__).parents[2] / "drivers/analyzers/generic_astm/driver.toml"
CONTEXT = AnswerContext(
    datetime(2031, 3, 4, 8, 59, 1, tzinfo=UTC), "TEST01D1", "Europe/Berlin", step_prefix="TEST01"
)
GLU = WorkOrderStep(id=1, test_code="GLU", lis_code="GLU", priority=Priority.STAT)
K = WorkOrderStep(id=2, test_code="K", lis_code="K")
TUBE = SpecimenWork(
    sample_id="S1",
    steps=(GLU, K),
    patient=Patient(name="SAMPLE^ANN"),
    carrier="R07",
    position="3",
)
ADDED = SpecimenWork(sample_id="S2", steps=(K,), is_known=True)


def lis2(**words: str) -> object:
    profile = read_profile(PROFILE.read_text(encoding="utf-8"), "generic_astm")
    assert profile.order is not None
    order = profile.order.model_copy(update={"download": DownloadSection.model_validate(words)})
    return PROTOCOL.make_driver(profile.model_copy(update={"order": order}))


def records(driver: object, *work: SpecimenWork) -> list[str]:
    assert isinstance(driver, DownloadingDriver)
    written = driver.download(work, CONTEXT)
    assert written.steps == tuple(step.id for one in work for step in one.steps)
    return written.text.decode().split("\r")[:-1]


def test_an_astm_download_is_header_patient_order_and_end() -> None:
    """New tubes are N, more tests of a known one A, and all are orders (O) and no answers (Q)."""
    assert records(lis2(), TUBE, ADDED) == [
        "H|\\^&|||LABWIRE|||||||P|LIS2-A2|20310304095901",
        "P|1",
        "O|1|S1||^^^GLU\\^^^K|S|20310304095901|||||N||||||||||||||O",
        "P|2",
        "O|1|S2||^^^K|R|20310304095901|||||A||||||||||||||O",
        "L|1|N",
    ]


def test_the_profile_has_its_own_words_for_a_download() -> None:
    said = records(lis2(new="A", report="Q", terminator="F"), TUBE)
    assert said[2].split("|")[11] == "A"
    assert said[2].split("|")[25] == "Q"
    assert said[-1] == "L|1|F"


def test_an_empty_action_code_is_written_as_none() -> None:
    assert records(lis2(new=""), TUBE)[2].split("|")[11] == ""


def test_a_profile_with_a_message_for_each_tube_sends_one_at_a_time() -> None:
    profile = read_profile(PROFILE.read_text(encoding="utf-8"), "generic_astm")
    assert profile.order is not None
    order = profile.order.model_copy(update={"messages": MessagesAs.EACH})
    each = PROTOCOL.make_driver(profile.model_copy(update={"order": order}))
    assert isinstance(each, DownloadingDriver)
    assert each.specimens_at_once == 1
    one = lis2()
    assert isinstance(one, DownloadingDriver)
    assert one.specimens_at_once > 1


def test_an_astm_analyzer_is_told_of_a_cancel_by_c_and_only_where_the_profile_says_so() -> None:
    told = lis2(cancel="C")
    assert isinstance(told, TellingDriver)
    written = told.tell(TUBE, ToTell.CANCEL, CONTEXT)
    assert written is not None
    assert written.steps == (1, 2)
    assert written.text.decode().split("\r")[2].split("|")[11] == "C"
    assert told.tell(TUBE, ToTell.CHANGE, CONTEXT) is None
    assert told.tellable == {ToTell.CANCEL}
    assert not isinstance(lis2(), TellingDriver)
    only_changes = lis2(change="A")
    assert isinstance(only_changes, TellingDriver)
    assert only_changes.tellable == {ToTell.CHANGE}
    assert only_changes.tell(TUBE, ToTell.CANCEL, CONTEXT) is None


def test_a_profile_without_a_download_table_makes_a_driver_that_is_never_downloaded_to() -> None:
    profile = read_profile(PROFILE.read_text(encoding="utf-8"), "generic_astm")
    assert profile.order is not None
    order = profile.order.model_copy(update={"download": None})
    driver = PROTOCOL.make_driver(profile.model_copy(update={"order": order}))
    assert not isinstance(driver, DownloadingDriver)


def test_nothing_is_not_written() -> None:
    with pytest.raises(DriverError):
        records(lis2(), SpecimenWork(sample_id="S1", steps=()))
    with pytest.raises(DriverError):
        records(generic_law(), TUBE, ADDED)


def test_a_text_of_an_order_cannot_begin_a_field_or_a_record() -> None:
    said = records(lis2(), TUBE.model_copy(update={"specimen_type": "A|B\\C"}))
    assert said[2].split("|")[15] == "A&F&B&R&C"


def test_a_law_broadcast_is_one_container_with_its_place_and_a_number_for_each_step() -> None:
    written = lines(generic_law_download().text)
    assert written[0] == (
        "MSH|^~\\&|LABWIRE||||20310304095901+0100||OML^O33^OML_O33|TEST01D1|P|2.5.1"
        "|||NE|AL||UNICODE UTF-8|||LAB-28^IHE"
    )
    assert "SAC|||S1|||||||R07|3" in written
    assert [one for one in written if one.startswith(("ORC", "OBR"))] == [
        "ORC|NW||||||||20310304095901+0100",
        "OBR||TEST011||GLU^^99LAB",
        "ORC|NW||||||||20310304095901+0100",
        "OBR||TEST012||K^^99LAB",
    ]


def generic_law_download() -> EncodedAnswer:
    driver = generic_law()
    assert isinstance(driver, DownloadingDriver)
    return driver.download([TUBE], CONTEXT)


def test_a_law_cancel_names_the_steps_and_no_patient() -> None:
    driver = generic_law()
    assert isinstance(driver, TellingDriver)
    written = driver.tell(TUBE, ToTell.CANCEL, CONTEXT)
    assert written is not None
    said = lines(written.text)
    assert not any(one.startswith("PID") for one in said)
    assert [one.split("|")[1] for one in said if one.startswith("ORC")] == ["CA", "CA"]
    assert driver.tell(TUBE, ToTell.CHANGE, CONTEXT) is None


def test_a_wished_dilution_goes_with_the_step() -> None:
    driver = generic_law()
    assert isinstance(driver, DownloadingDriver)
    tenfold = SpecimenWork(sample_id="S1", steps=(GLU.model_copy(update={"dilution": "10"}),))
    assert "TCD|GLU^^99LAB|^1^:^10" in lines(driver.download([tenfold], CONTEXT).text)


def test_a_law_analyzer_that_is_too_late_to_cancel_says_so_of_each_step() -> None:
    reply = message(
        header("ORL^O34^ORL_O42", "A-7"),
        "MSA|AA|TEST01D1",
        "ORC|UC|TEST011|||IP",
        "ORC|CR|TEST012|||CA",
    )
    refused = generic_law().refused_steps(reply, CONTEXT, [1, 2])
    assert list(refused) == [1]
    assert "too late" in refused[1]


def test_law_profiles_may_say_that_their_analyzer_takes_no_such_messages() -> None:
    assert type(generic_law(download=False)) is LawDriver
    stubborn = generic_law(cancel=False)
    assert isinstance(stubborn, BroadcastingLawDriver)
    assert not isinstance(stubborn, TellingDriver)


def test_a_test_that_is_to_be_diluted_is_not_sent_undiluted() -> None:
    """A profile without a place for it leaves the step out, and it stays open; LAW takes whole factors only."""
    half = GLU.model_copy(update={"dilution": "2.5"})
    mixed = SpecimenWork(sample_id="S1", steps=(half, K))
    astm = lis2()
    assert isinstance(astm, DownloadingDriver)
    assert astm.download([mixed], CONTEXT).steps == (2,)
    law = generic_law()
    assert isinstance(law, DownloadingDriver)
    assert law.download([mixed], CONTEXT).steps == (2,)
    for driver in (astm, law):
        with pytest.raises(DriverError):
            driver.download([SpecimenWork(sample_id="S1", steps=(half,))], CONTEXT)
