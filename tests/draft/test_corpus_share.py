"""Every recording of the corpus, drafted: how much of it the draft reads as the driver of the house does.

What those drivers read is compared elsewhere with what a person reads (tests/drivers/expected/). Run with `-s` to see
the table. Without the corpus this test skips by name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.draft import Draft, NothingRecognised, make_draft, read_recording, read_texts
from middleware.driver.cases import (
    CASE_CONTEXT,
    CASES,
    FILE,
    SESSION,
    play,
    play_file,
    read_session,
)
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import read_profile
from middleware.model import Envelope
from tests.kit.draft_share import Share, share_of
from tests.kit.expected_table import expected_files
from tests.kit.places import ROOT
from tests.kit.recordings import CORPUS

CATALOGUE = load_catalogue()
LEAST_SHARE, LEAST_SHARE_OF_CASES = 0.9, 0.85  # cases are odd on purpose
ANALYZERS = ROOT / "drivers" / "analyzers"

# No protocol reads them, says the table of what a person reads; and no draft is made.
NOT_RECOGNISED = {
    "senaite.core__sysmex_xt4000i_ascii": "a hybrid of ASTM and HL7",
    "tgenaux-astm-lis__micro_ast_oru": "a part of a message, without its header",
}
# A person reads something out of them, and no draft is made; they count as nothing right.
MISSED = {
    "go-bloodlab-net__pk7300_etb": "telegrams of several kinds, in blocks that go on",
    "senaite.core__nuclisens_easyq": "an XML export",
}


def _read(driver_id: str, draft: Draft) -> tuple[list[Envelope], list[Envelope]]:
    """What the driver of the house reads, and what the draft does; by the texts where the link takes no message."""
    house = CATALOGUE.driver(driver_id)
    data = b"".join(draft.steps)
    played = (
        play_file(house, data, CASE_CONTEXT)
        if draft.is_file
        else play(house, draft.steps, CASE_CONTEXT)
    )
    if played.envelopes or draft.is_file:
        return played.envelopes, draft.played.envelopes
    own = CATALOGUE.make(read_profile(draft.profile, draft.driver_id))
    return read_texts(house, draft.texts).envelopes, read_texts(own, draft.texts).envelopes


def _share(path: Path) -> Share | str:
    try:
        draft = make_draft(read_recording(path.read_bytes()), "new_one", "New one", CATALOGUE.make)
    except NothingRecognised:
        return (NOT_RECOGNISED | MISSED).get(path.stem, "NOT RECOGNISED")
    return share_of(draft, *_read(_driver_of(path), draft))


def _driver_of(path: Path) -> str:
    return expected_files(path.parent.name)[path.stem].driver


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_draft_reads_nine_fields_of_ten_and_is_never_wrongly_certain() -> None:
    """A laboratory engineer corrects a little instead of writing everything, and what is called certain is."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of recordings is not at hand")
    shares: dict[str, Share] = {}
    print("\n| file | driver | fields right | of | share | wrong |")
    for path in sorted(CORPUS.glob("*/*")):
        share = _share(path)
        if isinstance(share, str):
            print(f"| {path.stem} | - | | | | {share} |")
            assert path.stem in NOT_RECOGNISED | MISSED
            continue
        shares[path.stem] = share
        wrong = ", ".join(f"{name} {count}" for name, count in share.wrong.items())
        print(
            f"| {path.stem} | {_driver_of(path)} | {share.right} | {share.all} | {share.part:.0%} | {wrong} |"
        )
    right, everything = (
        sum(one.right for one in shares.values()),
        sum(one.all for one in shares.values()),
    )
    by_file = sum(one.part for one in shares.values()) / (len(shares) + len(MISSED))
    print(
        f"| all | | {right} | {everything} | {right / everything:.1%} | mean of all files {by_file:.1%} |"
    )
    assert right >= LEAST_SHARE * everything
    assert by_file >= LEAST_SHARE
    assert {
        name: one.certain_and_wrong for name, one in shares.items() if one.certain_and_wrong
    } == {}


def _recordings_of(driver_id: str) -> list[bytes]:
    """The sessions of a driver's cases one after the other, and each of its files."""
    folders = sorted((ANALYZERS / driver_id / CASES).iterdir())
    sessions = [_steps(path / SESSION) for path in folders if (path / SESSION).exists()]
    files = [_steps(path / FILE) for path in folders if (path / FILE).exists()]
    return [*([b"".join(sessions)] if sessions else []), *files]


def _steps(path: Path) -> bytes:
    return b"".join(read_session(path.read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_cases_of_the_house_are_found_again_without_their_profiles() -> None:
    """Also of analyzers that are in no recording: what the profile says by hand, the draft finds by evidence."""
    right = everything = 0
    certain: dict[str, set[str]] = {}
    print("\n| driver | fields right | of | wrong |")
    for folder in sorted(ANALYZERS.glob("[!g]*")):
        for data in _recordings_of(folder.name):
            try:
                draft = make_draft(read_recording(data), "new_one", "New one", CATALOGUE.make)
            except NothingRecognised:
                print(f"| {folder.name} | - | | nothing recognised |")
                continue
            share = share_of(draft, *_read(folder.name, draft))
            right, everything = right + share.right, everything + share.all
            if share.certain_and_wrong:
                certain[folder.name] = share.certain_and_wrong
            if share.wrong:
                print(f"| {folder.name} | {share.right} | {share.all} | {share.wrong} |")
    print(f"| all | {right} | {everything} | {right / everything:.1%} |")
    assert right >= LEAST_SHARE_OF_CASES * everything
    assert certain == {}
