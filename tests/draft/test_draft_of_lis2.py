"""What is found in LIS2 messages, and how sure the draft is of it."""

from __future__ import annotations

import pytest

from middleware.draft import Confidence, Draft, make_draft, read_recording
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import read_profile
from middleware.model import Result
from tests.kit import recorded_logs as logs

pytestmark = pytest.mark.slow  # each tries every quirk
CATALOGUE = load_catalogue()


def _draft(data: bytes) -> Draft:
    return make_draft(read_recording(data), "acme_one", "Acme One", CATALOGUE.make)


def _session(*records: str) -> bytes:
    frames = [logs.frame(number, record) for number, record in enumerate(records, start=1)]
    return b"\x05" + b"".join(frames) + b"\x04"


def _value(draft: Draft, key: str) -> object:
    return draft.findings.guesses[key].value


def _sure(draft: Draft, key: str) -> str:
    return draft.findings.guesses[key].confidence


def _results(draft: Draft) -> list[Result]:
    return [one for envelope in draft.played.envelopes for one in envelope.results]


def test_a_plain_session_needs_no_quirk_and_is_read_whole() -> None:
    """What follows the standard is found at the standard's places."""
    draft = _draft(logs.SESSION)
    assert "link.quirks" not in draft.findings.guesses
    assert [(one.specimen.sample_id, one.test_code, one.unit) for one in _results(draft)] == [
        ("A1000777", "GLU", "mmol/L"),
        ("A1000777", "CREA", "umol/L"),
    ]
    assert _sure(draft, "result.value") == Confidence.CERTAIN
    assert _sure(draft, "specimen.sample_id") == Confidence.LIKELY  # only a tube can prove it
    assert draft.findings.codes == {"GLU": "mmol/L", "CREA": "umol/L"}


def test_the_profile_is_valid_and_says_how_sure_each_line_is() -> None:
    """It can be opened in an editor and corrected line by line."""
    draft = _draft(logs.SESSION)
    profile = read_profile(draft.profile, "draft")
    assert (profile.id, profile.driver.protocol, profile.driver.tier) == (
        "acme_one",
        "lis2",
        "drafted",
    )
    lines = draft.profile.splitlines()
    assert lines[lines.index('value = "R-4"') - 1].startswith("# certain: ")
    assert lines[lines.index('sample_id = "O-3.1"') - 1].startswith("# likely: ")


def test_no_person_and_no_sample_id_stands_in_the_profile() -> None:
    """A profile is given away; it must not name a patient."""
    profile = _draft(logs.SESSION).profile
    for secret in ("DOE", "JANE", "A1000777", "PID90210", "19700102"):
        assert secret not in profile


def test_an_id_aligned_in_a_wide_field_is_found_in_its_component() -> None:
    """Only identifiers are padded to the width of a barcode."""
    order = "O|1||^^" + "S4711".rjust(22) + "^M|^^^^WBC|R||||||N"
    draft = _draft(
        _session(logs.RECORDS[0], "P|1", order, "R|1|^^^^WBC^1|8.1|10*3/uL||N||F", "L|1|N")
    )
    assert _value(draft, "specimen.sample_id") == "O-4.3"
    assert _value(draft, "result.test_code") == "R-3.5"
    assert [one.specimen.sample_id for one in _results(draft)] == ["S4711"]


def test_a_short_number_beside_an_empty_sample_id_is_not_taken_for_one() -> None:
    """A running number is on no tube: better held than filed under somebody."""
    draft = _draft(
        _session(logs.RECORDS[0], "P|1", "O|1||17|^^^HBA1C", "R|1|^^^HBA1C|5.9|%||||F", "L|1|N")
    )
    assert _value(draft, "specimen.sample_id") == "O-3.1"
    assert _sure(draft, "specimen.sample_id") == Confidence.GUESS
    assert any("not proven" in sentence for sentence in draft.findings.missing)


def test_the_id_stands_with_the_patient_only_where_every_patient_has_one_of_his_own() -> None:
    """Some analyzers put the tube's number there; one message of one patient does not prove it."""
    people = [
        line
        for number in (1, 2, 3)
        for line in (f"P|{number}||LAB-{number}0442", "O|1|||^^^IGA", "R|1|^^^IGA|7,41|Ratio")
    ]
    several = _draft(_session(logs.RECORDS[0], *people, "L|1|N"))
    assert _value(several, "specimen.sample_id") == "P-4.1"
    one = _draft(_session(logs.RECORDS[0], *people[:3], "L|1|N"))
    assert _value(one, "specimen.sample_id") == "O-3.1"


def test_a_decimal_comma_is_found_by_trying_the_rules() -> None:
    """Without the rule the value would be held."""
    draft = _draft(
        _session(logs.RECORDS[0], "P|1", "O|1|B2000441", "R|1|^^^IGA|7,41|Ratio||N||F", "L|1|N")
    )
    assert _value(draft, "values.rules") == ("decimal_comma",)
    assert [str(one.value.number) for one in _results(draft)] == ["7.41"]


def test_values_in_two_components_are_left_to_a_person() -> None:
    """Half of a blood group must never be delivered as the whole."""
    draft = _draft(
        _session(logs.RECORDS[0], "P|1", "O|1|B2000441", "R|1|^^^ABO|A^NEG^ccee|||||F", "L|1|N")
    )
    assert (_value(draft, "result.value"), _sure(draft, "result.value")) == (
        "R-4",
        Confidence.GUESS,
    )


def test_a_frame_without_checksum_names_the_quirk() -> None:
    """Where no frame has one, the analyzer writes none."""
    bare = b"\x05" + b"".join(step[:-4] + b"\r\n" for step in logs.FRAMES) + b"\x04"
    assert _value(_draft(bare), "link.quirks") == ("checksum_absent",)


def test_one_wrong_checksum_is_no_quirk() -> None:
    """A noisy line is not a dialect: the proof of frames stays, and the person is told."""
    hurt = logs.SESSION.replace(b"5.4", b"9.4")
    draft = _draft(hurt)
    assert not {"checksum_unchecked", "checksum_zero"} & set(_quirks(draft))
    assert any("refused" in sentence for sentence in draft.findings.missing)


def _quirks(draft: Draft) -> tuple[str, ...]:
    guess = draft.findings.guesses.get("link.quirks")
    return guess.value if guess is not None and isinstance(guess.value, tuple) else ()


def test_lower_case_digits_and_a_missing_line_feed_are_both_found() -> None:
    """Two quirks at once are found one after the other."""
    odd = (
        b"\x05"
        + b"".join(step[:-4] + step[-4:-2].lower() + b"\r" for step in logs.FRAMES)
        + b"\x04"
    )
    assert set(_quirks(_draft(odd))) == {"lowercase_checksum", "trailer_incomplete"}


def test_a_query_is_found_with_its_tube() -> None:
    """An analyzer that asks needs the section, and the role."""
    draft = _draft(_session(logs.RECORDS[0], "Q|1|^^B2000441^40^0^5||ALL||||||||O", "L|1|N"))
    assert _value(draft, "query.sample_id") == "Q-3.3"
    assert read_profile(draft.profile, "draft").driver.roles == ("host_query",)
