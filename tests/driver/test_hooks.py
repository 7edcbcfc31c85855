"""A hook is the last resort of a profile: found by name, called with what was read, and bounded in what it may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.driver.catalogue import Catalogue, ProfileFolder
from middleware.driver.finish import finish
from middleware.errors import DriverError
from middleware.model import Envelope, SampleRole
from tests.kit.made_profiles import SMALLEST, made_profile
from tests.kit.made_setups import made_result

HOOK = "[hook]\ndecoded = 'hooks:{name}'\n"
CODE = """
from middleware.model import SampleRole

def renamed(envelope):
    results = [one.model_copy(update={"test_code": "X" + one.test_code}) for one in envelope.results]
    return envelope.model_copy(update={"results": tuple(results)})

def fails(envelope):
    return 1 / 0

def returns_nothing(envelope):
    return None

def leaves_out(envelope):
    return envelope.model_copy(update={"results": envelope.results[1:]})

def cures(envelope):
    results = []
    for one in envelope.results:
        specimen = one.specimen.model_copy(update={"role": SampleRole.PATIENT})
        results.append(one.model_copy(update={"specimen": specimen}))
    return envelope.model_copy(update={"results": tuple(results)})

no_function = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hooks.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def _run(folder: Path, name: str, *roles: SampleRole) -> Envelope:
    profile = made_profile(HOOK.format(name=name), folder)
    results = [made_result(unit="mmol/l", source={"record": n, "name": "R"}) for n in range(3)]
    for at, role in enumerate(roles):
        specimen = results[at].specimen.model_copy(update={"role": role})
        results[at] = results[at].model_copy(update={"specimen": specimen})
    return finish(Envelope(results=tuple(results)), profile)


def test_a_hook_beside_the_profile_changes_what_was_read(folder: Path) -> None:
    """And what the profile declares is still done afterwards."""
    first = _run(folder, "renamed").results[0]
    assert (first.test_code, first.unit_ucum) == ("XGLU", "mmol/L")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fails", "hooks:fails failed: ZeroDivisionError"),
        ("returns_nothing", "returned NoneType and no Envelope"),
        ("missing", "hooks:missing cannot be loaded"),
        ("no_function", "hooks:no_function is no function"),
    ],
)
def test_a_hook_that_fails_is_named(folder: Path, name: str, told: str) -> None:
    """The message is unreadable, kept, and can be replayed when the hook is mended."""
    with pytest.raises(DriverError, match=told) as raised:
        _run(folder, name)
    assert raised.value.what_to_do


def test_a_hook_makes_no_patients_result_of_a_controls(folder: Path) -> None:
    """Nothing undoes the mark of a control."""
    assert _run(folder, "cures").results
    with pytest.raises(DriverError, match="makes a patient's result of a control's"):
        _run(folder, "cures", SampleRole.PATIENT, SampleRole.QC)


def test_a_hook_leaves_nothing_out_in_silence(folder: Path) -> None:
    """What it drops is told with the message."""
    envelope = _run(folder, "leaves_out")
    assert len(envelope.results) == 2
    assert [one.code for one in envelope.faults] == ["hook_left_out"]


def test_a_hook_of_a_package_is_found_by_its_module() -> None:
    """A driver package brings its own."""
    profile = made_profile("[hook]\ndecoded = 'os.path:basename'\n")
    with pytest.raises(DriverError, match=r"os\.path:basename failed: TypeError"):
        finish(Envelope(), profile)


def test_a_broken_hook_is_reported_with_the_catalogue_and_not_with_a_result(tmp_path: Path) -> None:
    """The site hears of it at the start."""
    place = tmp_path / "demo_one"
    place.mkdir()
    (place / "driver.toml").write_text(SMALLEST + HOOK.format(name="renamed"), encoding="utf-8")
    catalogue = Catalogue()
    catalogue.add_catalogue(ProfileFolder(tmp_path), "site")
    catalogue.add_protocol(_Anything(), "test")
    catalogue.check_protocols()
    assert catalogue.profiles() == ()
    assert "hooks:renamed cannot be loaded" in catalogue.broken[0].problem


class _Anything:
    name = "lis2"

    def make_driver(self, profile: object) -> object:
        return profile
