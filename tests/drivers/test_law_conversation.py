"""LAB-27 and LAB-28 as Analyzer Manager: the reply to a query, and the answer that there is no work."""

from __future__ import annotations

import pytest

from drivers.protocols.hl7.link_options import Hl7LinkSection
from drivers.protocols.hl7.section import Hl7Section
from drivers.protocols.law.options import LawLinkSection, LawSection
from middleware.driver.api import NO_CONTEXT, AnsweringDriver, IdentifyingDriver, ReplyReadingDriver
from middleware.errors import DriverError
from middleware.model import MessageKind
from tests.kit.law_messages import (
    ANSWERED,
    CONTEXT,
    generic_law,
    header,
    lines,
    message,
    query,
    replies,
    results,
)
from tests.kit.places import ROOT

_RSP = (
    "MSH|^~\\&|MW||DEMO-CHEM^SN0042^SN||20310304095901+0100||RSP^K11^RSP_K11|A-1001|P|2.5.1"
    "||||||UNICODE UTF-8|||LAB-27^IHE"
)
_OML = (
    "MSH|^~\\&|MW||DEMO-CHEM^SN0042^SN||20310304095901+0100||OML^O33^OML_O33|TEST01Q7|P|2.5.1"
    "|||NE|AL||UNICODE UTF-8|||LAB-28^IHE"
)


def test_a_query_is_accepted_with_its_own_words() -> None:
    """RSP^K11: AA, the tag and OK, and QPD exactly as it came; it says nothing about work."""
    (reply,) = replies(query())
    assert lines(reply) == [
        _RSP,
        "MSA|AA|A-1001",
        "QAK|Q-77|OK|WOS^Work Order Step^IHELAW",
        "QPD|WOS^Work Order Step^IHELAW|Q-77|2603140001|R07|3",
    ]


def test_a_query_comes_back_byte_for_byte() -> None:
    """Escapes, unknown fields and bytes of another character set are none of our business."""
    qpd = b"QPD|WOS^\\T\\ \xe9^IHELAW||12||||||||SER^x&y~z|\r"
    text = query("", header={18: ""}).replace(b"RCP|", qpd + b"RCP|")
    (reply,) = replies(text)
    assert reply.endswith(b"\rQAK||OK|WOS^\\T\\ \xe9^IHELAW\r" + qpd)


def test_delimiters_of_the_analyzer_are_used_in_the_reply() -> None:
    """The echo can only be read with the delimiters that it was written with."""
    text = query().replace(b"|", b"!").replace(b"^~\\&", b"@~\\&").replace(b"^", b"@")
    (reply,) = replies(text)
    assert reply.startswith(b"MSH!@~\\&!MW!!DEMO-CHEM@SN0042@SN!")
    assert b"\rQAK!Q-77!OK!WOS@Work Order Step@IHELAW\r" in reply
    (answer,) = generic_law().negative_answers(text, ANSWERED)
    assert b'\rSPM!1!!!""!!!!!!!U@@HL70369\r' in answer


@pytest.mark.parametrize(
    ("qpd", "code", "error", "place"),
    [
        ("", "AE", "100", ""),
        ("QPD", "AE", "101", "QPD^1^1"),
        ("QPD|WOS^Work Order Step^IHELAW|Q-77", "AE", "101", "QPD^1^3"),
        ('QPD|WOS^Work Order Step^IHELAW|Q-77|""', "AE", "101", "QPD^1^3"),
        ("QPD|WOS_BY_RACK^Rack^IHELAW|Q-77", "AE", "101", "QPD^1^4"),
        ("QPD|WHAT^Ever^99X|Q-77|12", "AR", "103", "QPD^1^1"),
    ],
)
def test_a_query_that_asks_nothing_is_refused_with_the_place_of_the_fault(
    qpd: str, code: str, error: str, place: str
) -> None:
    """The analyzer is told what is wrong and where; it is not left to wait."""
    (reply,) = replies(query(qpd))
    msa, err, qak = lines(reply)[1:4]
    assert msa.startswith(f"MSA|{code}|A-1001|")
    assert err.split("|")[2] == place
    assert err.split("|")[3].startswith(f"{error}^")
    assert qak.startswith("QAK|") and qak.split("|")[2] == code
    with pytest.raises(DriverError):
        generic_law().negative_answers(query(qpd), ANSWERED)


def test_a_query_that_is_not_stored_is_refused_and_can_be_sent_again() -> None:
    """No AA before the disk: AE with 207, and still a response to this query."""
    (reply,) = replies(query(), is_stored=False)
    assert lines(reply)[1].startswith("MSA|AE|A-1001|")
    assert "|207^" in lines(reply)[2]
    assert lines(reply)[3] == "QAK|Q-77|AE|WOS^Work Order Step^IHELAW"


def test_results_are_acknowledged_with_their_own_event_and_profile() -> None:
    """ACK^R22 with MSH-21 as it came, also for a specimen that nobody knows."""
    (reply,) = replies(results("SPM|1|NOBODY"))
    assert lines(reply) == [
        _RSP.replace("RSP^K11^RSP_K11|A-1001", "ACK^R22^ACK|A-1010").replace("LAB-27", "LAB-29"),
        "MSA|AA|A-1010",
    ]


@pytest.mark.parametrize("asked", ["NE", "ER"])
def test_both_ways_to_ask_for_no_accept_acknowledgement_get_one_answer(asked: str) -> None:
    """MSH-15 NE and ER: one application acknowledgement, whether the message was stored or not."""
    text = query(header={15: asked})
    assert [lines(one)[1].split("|")[1] for one in replies(text)] == ["AA"]
    assert [lines(one)[1].split("|")[1] for one in replies(text, is_stored=False)] == ["AE"]


def test_a_query_of_another_profile_is_rejected_in_words() -> None:
    """QBP^Z03 has a response of its own, which is not ours to give: AR, and the analyzer goes on."""
    text = message(header("QBP^Z03^QBP_Z03", "Z-1"), "QPD|Z03^HOST QUERY|Z-1|P-5|S-5", "RCP|I")
    (reply,) = replies(text)
    assert "|ACK^Z03^ACK|" in lines(reply)[0]
    assert lines(reply)[1].startswith("MSA|AR|Z-1|QBP Z03 is no query of IHE LAW")
    assert generic_law().kind(text) is MessageKind.QUERY


def test_what_is_no_hl7_is_rejected_and_not_a_crash() -> None:
    """Somebody connected the wrong thing: it hears AR."""
    (reply,) = replies(b"H|\\^&|||c311")
    assert b"\rMSA|AR|" in reply


def test_no_work_is_said_for_the_container_that_was_asked_about() -> None:
    """OML^O33: specimen type null, role U, the container and its place as asked, DC; nothing else."""
    (answer,) = generic_law().negative_answers(query(), ANSWERED)
    assert lines(answer) == [
        _OML,
        'SPM|1|||""|||||||U^^HL70369',
        "SAC|||2603140001|||||||R07|3",
        "ORC|DC||||||||20310304095901+0100",
    ]


def test_each_container_has_an_answer_and_a_number_of_its_own() -> None:
    """An answer because of a query holds one specimen only; places of several tubes are not guessed."""
    answers = generic_law().negative_answers(query("QPD|WOS^x^IHELAW|Q|11~12|R07|3"), ANSWERED)
    assert [lines(one)[2] for one in answers] == ["SAC|||11", "SAC|||12"]
    assert [lines(one)[0].split("|")[9] for one in answers] == ["TEST01Q7-1", "TEST01Q7-2"]


@pytest.mark.parametrize(
    ("qpd", "sac"),
    [
        ("QPD|WOS_ALL^All^IHELAW|Q", 'SAC|||""'),
        ("QPD|WOS_BY_RACK^Rack^IHELAW|Q||R07|||||", 'SAC|||""|||||||R07'),
        ("QPD|WOS_BY_TRAY^Tray^IHELAW|Q||||T9|2", 'SAC|||""||||||||||T9|2'),
        ("QPD|WOS_ROCHE^x^ROCHE|Q|22^BC", "SAC|||22^BC"),
    ],
)
def test_queries_for_all_a_rack_or_a_tray_get_one_answer(qpd: str, sac: str) -> None:
    """The place comes back in the fields of SAC that belong to it."""
    (answer,) = generic_law().negative_answers(query(qpd), ANSWERED)
    assert lines(answer)[2] == sac


def test_the_makers_variant_of_the_profile_is_used_in_the_answer() -> None:
    """LAB-27R^ROCHE is answered by LAB-28R^ROCHE."""
    (answer,) = generic_law().negative_answers(query(header={21: "LAB-27R^ROCHE"}), ANSWERED)
    assert lines(answer)[0].endswith("|LAB-28R^ROCHE")


def test_a_profile_may_ask_for_silence_or_for_other_acknowledgements() -> None:
    """Where implementations differ, the profile says so."""
    assert generic_law(negative_answer=False).negative_answers(query(), ANSWERED) == ()
    (answer,) = generic_law(accept_acknowledgement="ER").negative_answers(query(), ANSWERED)
    assert lines(answer)[0].split("|")[14:16] == ["ER", "AL"]
    (named,) = generic_law(queries={"INIBAR": "container"}).negative_answers(
        query("QPD|INIBAR^^99ROC|Q|7"), ANSWERED
    )
    assert lines(named)[2] == "SAC|||7"


@pytest.mark.parametrize(
    "wrong", [{"negative_answers": True}, {"accept_acknowledgement": "XX"}, {"queries": {"A": "b"}}]
)
def test_a_mistake_in_the_protocol_table_is_told(wrong: dict[str, object]) -> None:
    """A typing error in a profile is an error with its key, not another behaviour."""
    with pytest.raises(DriverError, match=next(iter(wrong))):
        generic_law(**wrong)


def test_a_mistake_in_the_link_table_is_told() -> None:
    """Keys of the serial protocol mean nothing here."""
    with pytest.raises(DriverError, match="packaging"):
        generic_law().make_link({"packaging": "streamed"}, NO_CONTEXT)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("MSA|AA|TEST01Q7", ""),
        ("MSA|AR|TEST01Q7\rERR||SAC^1^3|204^Unknown key identifier^HL70357|E", "AR: Unknown key"),
        ("MSA|AE|TEST01Q7|not now", "AE: not now"),
        ("ZZZ|1", "could not be read"),
    ],
)
def test_what_the_analyzer_says_of_our_answer_is_told_in_words(reply: str, words: str) -> None:
    """AA takes it; anything else is for a person to read."""
    text = message(header("ORL^O34^ORL_O42", "A-1003"), reply)
    said = generic_law().complaint_about(text, "TEST01Q7")
    assert words in said
    assert bool(said) is bool(words)


def test_every_key_of_its_own_is_described() -> None:
    """Whoever writes a profile finds each key in the protocol's README."""
    text = (ROOT / "drivers/protocols/law/README.md").read_text(encoding="utf-8")
    own = {*LawSection.model_fields} - {*Hl7Section.model_fields}
    own |= {*LawLinkSection.model_fields} - {*Hl7LinkSection.model_fields}
    assert [key for key in sorted(own) if f"| `{key}` |" not in text] == []


def test_the_query_is_read_into_the_model() -> None:
    """Container, rack and position by name; a whole rack or tray is asked for by its carrier, and nothing else is."""
    driver = generic_law()
    (asked,) = driver.decode(query(), CONTEXT).queries
    assert (asked.sample_ids, asked.carrier, asked.position) == (("2603140001",), "R07", "3")
    assert not asked.is_for_all
    (rack,) = driver.decode(query("QPD|WOS_BY_RACK^x^IHELAW|Q||R07"), CONTEXT).queries
    assert (rack.sample_ids, rack.is_for_all, rack.carrier) == ((), False, "R07")
    (tray,) = driver.decode(query("QPD|WOS_BY_TRAY^x^IHELAW|Q||||T9|2"), CONTEXT).queries
    assert (tray.is_for_all, tray.carrier, tray.position) == (False, "T9", "2")


def test_a_refused_query_is_a_fault_of_the_message_and_asks_nothing() -> None:
    """It is kept, and says why it was refused."""
    envelope = generic_law().decode(query("QPD|WOS^x^IHELAW|Q"), CONTEXT)
    assert envelope.queries == ()
    assert [(one.code, one.field) for one in envelope.faults] == [("query_refused", "QPD-3")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (query(), MessageKind.QUERY),
        (results(), MessageKind.RESULT),
        (b"\xef\xbb\xbf\r\n" + results(), MessageKind.RESULT),
        (message(header("QCN^J01^QCN_J01", "1"), "QID|1|N/D"), MessageKind.QUERY),
        (message(header("OML^O33^OML_O33", "1")), MessageKind.ORDER),
        (message(header("ESU^U01^ESU_U01", "1")), MessageKind.OTHER),
        (b"", MessageKind.UNREADABLE),
        (b"MSH", MessageKind.UNREADABLE),
        (b"\x00\xff" * 5, MessageKind.UNREADABLE),
    ],
)
def test_a_glance_tells_what_a_message_is(text: bytes, kind: MessageKind) -> None:
    """MSH-9 decides; nonsense is unreadable."""
    assert generic_law().kind(text) is kind


def test_the_driver_has_every_ability_that_it_declares() -> None:
    """The node asks for abilities by interface."""
    driver = generic_law()
    assert isinstance(driver, IdentifyingDriver | AnsweringDriver)
    assert isinstance(driver, AnsweringDriver)
    assert isinstance(driver, ReplyReadingDriver)
    identity = driver.identify(query())
    assert (identity.analyzer, identity.serial, identity.complaint) == ("DEMO-CHEM", "SN0042", "")
    assert driver.identify(b"nonsense").analyzer == ""
