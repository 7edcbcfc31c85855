"""A setup is what was written, complete and immutable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from middleware.errors import SettingsError
from middleware.settings.build import build_setup
from middleware.settings.load import load
from middleware.setup import Environment, ListenAddress, Setup
from tests.kit.site_settings import CONNECTORS, GOOD, Drivers, loaded


def _setup(text: str = GOOD) -> Setup:
    return build_setup(loaded(text), Drivers(), CONNECTORS, 7)


def test_a_setup_holds_what_the_file_says() -> None:
    """Nothing is lost on the way."""
    setup = _setup()
    assert setup.generation == 7
    assert setup.node.environment is Environment.TEST
    assert list(setup.lines) == ["chem-1", "haem-1"]
    assert setup.connectors["lis"].window == 16
    assert setup.connectors["lis"].renderer.format == "pigeon"
    assert setup.routes[0].to == ("lis",)
    assert setup.monitor_listen == ListenAddress("127.0.0.1", 9464)
    assert setup.driver_of("chem-1").profile.id == "plain"


def test_a_line_without_a_zone_has_the_nodes() -> None:
    """An analyzer's clock is in the laboratory's zone unless told otherwise."""
    setup = _setup()
    assert setup.lines["chem-1"].time_zone == "Europe/Berlin"
    assert setup.lines["haem-1"].time_zone == "UTC"


def test_the_data_folder_is_relative_to_the_settings_file(tmp_path: Path) -> None:
    """A command started elsewhere finds the same store."""
    path = tmp_path / "labwire.toml"
    path.write_text(GOOD, encoding="utf-8")
    setup = build_setup(load(path), Drivers(), CONNECTORS, 1)
    assert setup.node.data_dir == tmp_path / "var"


@pytest.mark.parametrize(
    ("environment", "processing_id"), [("production", "P"), ("test", "D"), ("training", "T")]
)
def test_the_environment_is_what_the_lis_is_told(environment: str, processing_id: str) -> None:
    """HL7 table 0103: a test node never calls its results production."""
    setup = _setup(GOOD.replace('environment = "test"', f'environment = "{environment}"'))
    assert setup.node.processing_id == processing_id


def test_metrics_can_be_turned_off() -> None:
    """A site without a monitoring system opens no port."""
    assert _setup(GOOD.replace('"127.0.0.1:9464"', '"off"')).monitor_listen is None


def test_wrong_settings_never_become_a_setup() -> None:
    """All mistakes stand in the one error."""
    text = GOOD.replace('driver = "plain"', 'driver = "fancy"').replace('to = ["lis"]', "to = []")
    with pytest.raises(SettingsError) as refused:
        _setup(text)
    assert str(refused.value).count("no driver fancy") == 2
    assert "route.to" in str(refused.value)
    assert "labwire check" in refused.value.what_to_do


def test_a_setup_cannot_be_changed() -> None:
    """Another set of settings is another setup."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        _setup().generation = 8  # type: ignore[misc]


@pytest.mark.slow  # writes 4 MiB
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such settings file"),
        (b"\xff\xfe[\x00n\x00", "not UTF-8"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_not_a_crash(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """The technician is told what is wrong with the file itself."""
    path = tmp_path / "labwire.toml"
    if content is not None:
        path.write_bytes(content)
    (problem,) = load(path).problems
    assert words in problem.message


def test_a_file_from_another_editor_is_read(tmp_path: Path) -> None:
    """A byte order mark and CR LF are no mistakes."""
    path = tmp_path / "labwire.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).problems == ()
