"""The conformance kit holds for every driver of the house, and finds what is wrong with others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from middleware.driver.api import NO_CONTEXT, DecodeContext, Driver, LinkContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.conformance import Weight, check_folder, first_difference, folders_in
from middleware.driver.conformance_stress import stress
from middleware.driver.profile import Profile
from middleware.model import Envelope, MessageKind
from middleware.wire.link import Link
from tests.kit.places import ROOT

ANALYZERS = ROOT / "drivers" / "analyzers"
CATALOGUE = load_catalogue()


@pytest.mark.slow
@pytest.mark.parametrize("folder", folders_in(ANALYZERS), ids=lambda folder: folder.name)
def test_a_driver_of_the_house_passes_what_third_parties_must_pass(folder: Path) -> None:
    """No driver in the tree has a privilege."""
    report = check_folder(folder, CATALOGUE)
    faults = [one.what for one in report.shown if one.weight in (Weight.WRONG, Weight.MISSING)]
    assert faults == []


class _Careless:
    """A driver that trusts its bytes."""

    def __init__(self, inner: Driver) -> None:
        self._inner = inner

    @property
    def profile(self) -> Profile:
        return self._inner.profile

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        return self._inner.make_link(options, context)

    def kind(self, text: bytes) -> MessageKind:
        return self._inner.kind(text)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        text.decode("ascii")
        return self._inner.decode(text, context)


@pytest.mark.slow
def test_a_driver_that_falls_over_hostile_bytes_is_told_by_the_error() -> None:
    """One careless line in a third party's code would stop a message for good."""
    careless = _Careless(CATALOGUE.driver("generic_astm"))
    told = list(stress(careless, ANALYZERS / "generic_astm"))
    assert any("UnicodeDecodeError" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("expected", "came", "place"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": [{"b": "x"}]}, {"a": [{"b": "y"}]}, "a[0].b: 'x' expected, 'y' came"),
        ({"a": [1]}, {"a": [1, 2]}, "a: 1 expected, 2 came"),
        ({"a": 1}, {}, "a: 1 expected, None came"),
    ],
)
def test_the_first_difference_of_two_outcomes_is_named(
    expected: object, came: object, place: str
) -> None:
    """Nobody has to compare two files by eye."""
    assert first_difference(expected, came) == place


def test_a_package_may_hold_many_drivers(tmp_path: Path) -> None:
    """A vendor's folder is checked as a whole; a driver's own folder alone."""
    for name in ("one", "two"):
        (tmp_path / "ours" / name).mkdir(parents=True)
        (tmp_path / "ours" / name / "driver.toml").write_text("", encoding="utf-8")
    assert [path.name for path in folders_in(tmp_path)] == ["one", "two"]
    assert [path.name for path in folders_in(tmp_path / "ours" / "two")] == ["two"]
