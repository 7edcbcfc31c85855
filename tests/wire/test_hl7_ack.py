"""Acknowledgements: every row of the table decides as written, and ours are addressed and formed
rightly.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.hl7 import (
    RULES,
    AckCode,
    AckError,
    AckNote,
    AckOutcome,
    ErrorCode,
    ErrorLocation,
    build_ack,
    classify,
    glance,
    parse,
    replies_for,
)

ACCEPTED, REFUSED, DEFERRED = AckOutcome.ACCEPTED, AckOutcome.REFUSED, AckOutcome.DEFERRED


def reply(code: str, *errors: str, severity: str = "E", control_id: str = "MW-1") -> bytes:
    lines = ["MSH|^~\\&|LIS|HOSP|MW|LAB1|2026||ACK^R01^ACK|L-1|P|2.5.1", f"MSA|{code}|{control_id}"]
    lines += [f"ERR|||{error}^text^HL70357|{severity}" for error in errors]
    return ("\r".join(lines) + "\r").encode()


EVERY_CODE_AND_ERROR = [
    ("AA", None, ACCEPTED),
    ("CA", None, ACCEPTED),
    ("AE", None, REFUSED),
    ("AR", None, REFUSED),
    ("CE", None, DEFERRED),
    ("CR", None, REFUSED),
    *((code, error, REFUSED) for code in ("AE", "AR", "CE", "CR") for error in range(200, 204)),
    *((code, error, REFUSED) for code in ("AE", "AR", "CR") for error in (100, 101, 102, 103, 204, 205)),
    *(("CE", error, DEFERRED) for error in (100, 101, 102, 103, 204, 205, 206, 207)),
    *((code, error, DEFERRED) for code in ("AE", "AR") for error in (206, 207)),
    *(("CR", error, REFUSED) for error in (206, 207)),
    *((code, error, ACCEPTED) for code in ("AA", "CA") for error in (0, 207)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "error", "outcome"), EVERY_CODE_AND_ERROR)
def test_every_code_with_every_error_has_its_outcome(
    code: str, error: int | None, outcome: AckOutcome
) -> None:
    """A refusal is set aside, a passing trouble is tried again, nothing is guessed."""
    answer = reply(code) if error is None else reply(code, str(error))
    assert classify(answer, "MW-1").outcome is outcome


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{sorted(rule.codes)} {rule.outcome}")
def test_every_row_of_the_table_decides_something_and_names_its_source(rule: object) -> None:
    """A row that no reply can reach would be a lie to its reader."""
    deciding = []
    for code in AckCode:
        for error in (None, *ErrorCode):
            codes = {error} - {None, ErrorCode.ACCEPTED}
            first = next(
                r
                for r in RULES
                if code in r.codes
                and (r.errors is None or (codes & r.errors and (not r.every or codes <= r.errors)))
            )
            if first is rule:
                deciding.append((code, error))
    assert deciding
    assert rule.source.startswith("HL7")  # type: ignore[attr-defined]


def test_a_content_error_beside_a_lock_is_a_refusal() -> None:
    """The lock passes, the error stays: sending it again would only block the lane."""
    assert classify(reply("AE", "206", "101"), "MW-1").outcome is REFUSED
    assert classify(reply("AE", "206", "207"), "MW-1").outcome is DEFERRED


def test_warnings_do_not_make_a_refusal_a_deferral() -> None:
    """An ERR of severity W or I says nothing about why it was refused."""
    assert classify(reply("AE", "207", severity="W"), "MW-1").outcome is REFUSED
    assert classify(reply("AE", "207", severity="I"), "MW-1").outcome is REFUSED


def test_a_reply_to_another_message_is_not_ours() -> None:
    """A stale acknowledgement must never settle what it does not name."""
    for other in ("MW-2", "", "MW-11"):
        verdict = classify(reply("AA", control_id=other), "MW-1")
        assert verdict.outcome is AckOutcome.NOT_OURS
        assert verdict.acknowledged_id == other


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", b"MSH|^~\\&|A\r", b"MSH|^~\\&|A\rMSA||MW-1\r", b"MSH|^~\\&|A\rMSA|XX|MW-1\r"],
)
def test_an_unreadable_reply_is_neither_accepted_nor_refused(data: bytes) -> None:
    """Nobody knows what became of the message: it stays unsettled."""
    assert classify(data, "MW-1").outcome is AckOutcome.UNREADABLE


@pytest.mark.slow
@given(st.binary(max_size=120), st.booleans())
def test_no_reply_makes_the_judging_fall_over(data: bytes, has_header: bool) -> None:
    """Whatever the peer answers."""
    classify((b"MSH|^~\\&|A\rMSA|AE|MW-1\rERR|" if has_header else b"") + data, "MW-1")


def test_what_the_lis_says_reaches_the_person() -> None:
    """Text, codes and places of a refusal, as the LIS wrote them."""
    data = (
        b"MSH|^~\\&|LIS|HOSP|MW|LAB1|2026||ACK^R01^ACK|L-1|P|2.5.1\r"
        b"MSA|AE|MW-1|Unknown filler order\r"
        b"ERR||OBR^1^3^1^1~OBX^2^5|204^Unknown key identifier^HL70357|E|||look there|Order is not known\r"
    )
    verdict = classify(data, "MW-1")
    assert verdict.outcome is REFUSED
    assert verdict.code == "AE"
    assert verdict.error_codes == ("204",)
    assert verdict.locations == (ErrorLocation("OBR", 1, 3, 1, 1), ErrorLocation("OBX", 2, 5))
    assert verdict.text == (
        "Unknown filler order; Order is not known; look there; Unknown key identifier"
    )


def test_old_versions_say_their_errors_elsewhere() -> None:
    """MSA-6 and ERR-1 of the time before 2.5."""
    data = (
        b"MSH|^~\\&|LIS||MW||2026||ACK|7|P|2.3.1\r"
        b"MSA|AR|MW-1|busy|||207^Application internal error\r"
        b"ERR|OBX^3^5^207&locked&HL70357\r"
    )
    verdict = classify(data, "MW-1")
    assert verdict.outcome is DEFERRED
    assert verdict.error_codes == ("207", "207")
    assert verdict.locations == (ErrorLocation("OBX", 3, 5),)
    assert verdict.text == "busy; locked; Application internal error"


def test_the_zero_of_old_analyzers_is_no_error() -> None:
    """`MSA|AA|7|Message accepted|||0|` with `ERR|0|` is a plain acceptance."""
    verdict = classify(
        b"MSH|^~\\&|||BS||2026||ACK^Q03|8|P|2.3.1\rMSA|AA|7|Message accepted|||0|\rERR|0|\r", "7"
    )
    assert verdict.outcome is ACCEPTED
    assert verdict.errors == ()
    assert verdict.text == "Message accepted"


ORDER = (
    b"MSH|^~\\&|LIS|HOSP|MW|LAB1|20260314084600+0100||OML^O21^OML_O21|LIS-55090|P|2.5.1"
    b"||||||UNICODE UTF-8\rPID|1\r"
)


def test_an_acknowledgement_is_addressed_back_to_its_sender() -> None:
    """Sender and receiver swapped, version and character set kept, the control id echoed."""
    data = build_ack(parse(ORDER), AckCode.APPLICATION_ACCEPT, "MW-9", "20260314084601+0100")
    assert data == (
        b"MSH|^~\\&|MW|LAB1|LIS|HOSP|20260314084601+0100||ACK^O21^ACK|MW-9|P|2.5.1"
        b"||||||UNICODE UTF-8\rMSA|AA|LIS-55090\r"
    )
    assert classify(data, "LIS-55090").outcome is ACCEPTED


def test_a_refusal_says_why_in_the_form_of_its_version() -> None:
    """ERR-2, 3, 4 and 8 from 2.5 on; MSA-6 before."""
    note = AckNote("no such order", (AckError("204", "check | it", (ErrorLocation("OBR", 1, 3),)),))
    new = build_ack(parse(ORDER), AckCode.APPLICATION_ERROR, "MW-9", "", note)
    assert b"\rMSA|AE|LIS-55090|no such order\r" in new
    assert b"\rERR||OBR^1^3|204^Unknown key identifier^HL70357|E||||check \\F\\ it\r" in new
    verdict = classify(new, "LIS-55090")
    assert verdict.locations == (ErrorLocation("OBR", 1, 3),)
    old = build_ack(
        parse(ORDER.replace(b"2.5.1", b"2.3.1")), AckCode.APPLICATION_ERROR, "9", "", note
    )
    assert b"||ACK^O21|9|P|2.3.1" in old
    assert b"\rMSA|AE|LIS-55090|no such order|||204^Unknown key identifier^HL70357\r" in old
    assert b"ERR" not in old


def test_other_delimiters_and_control_characters_are_answered_safely() -> None:
    """The answer is in the sender's delimiters; what he left in his header cannot break it."""
    data = b"MSH!@*$%!LIS\tX!H!MW!L!2026!!ORU@R01!7\x0b!P!2.5\r"
    answer = build_ack(parse(data), AckCode.APPLICATION_ACCEPT, "9", "")
    assert answer == b"MSH!@*$%!MW!L!LISX!H!!!ACK@R01@ACK!9!P!2.5\rMSA!AA!7\r"


def test_a_bare_header_can_be_answered() -> None:
    """No event, no version, no control id: still an answer."""
    answer = build_ack(parse(b"MSH|^~\\&|"), AckCode.APPLICATION_REJECT, "9", "")
    assert answer == b"MSH|^~\\&|||||||ACK|9|P|2.5.1\rMSA|AR\r"


@pytest.mark.parametrize(
    ("accept", "application", "when_stored", "when_not"),
    [
        ("", "", ["AA"], ["AE"]),
        ("NE", "AL", ["AA"], ["AE"]),
        ("AL", "NE", ["CA"], ["CE"]),
        ("AL", "AL", ["CA", "AA"], ["CE", "AE"]),
        ("ER", "AL", ["AA"], ["CE", "AE"]),
        ("SU", "NE", ["CA"], []),
        ("NE", "ER", [], ["AE"]),
        ("", "AL", ["AA"], ["AE"]),
        ("AL", "", ["CA"], ["CE"]),
        ("NE", "NE", [], []),
        ("", "2", ["AA"], ["AE"]),
    ],
)
def test_the_sender_decides_which_acknowledgements_he_gets(
    accept: str, application: str, when_stored: list[str], when_not: list[str]
) -> None:
    """Original and enhanced mode; a QC mark in MSH-16 is no wish."""
    seen = glance(f"MSH|^~\\&|A|B|C|D|2026||ORU^R01|7|P|2.5.1|||{accept}|{application}".encode())
    assert seen is not None
    assert list(replies_for(seen, accepted=True)) == when_stored
    assert list(replies_for(seen, accepted=False)) == when_not
