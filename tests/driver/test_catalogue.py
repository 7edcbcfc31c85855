"""Finding drivers: in the tree, of third parties, in a site's folder; what is broken is named and left out."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import drivers
from drivers.protocols.lis2 import PROTOCOL
from middleware.driver import catalogue as module
from middleware.driver.api import Driver, DriverCatalogue, ProtocolFactory
from middleware.driver.catalogue import ProfileFolder, load_catalogue
from middleware.driver.profile import Profile
from middleware.errors import DriverError

pytestmark = pytest.mark.slow  # each reads every profile in the tree

PROFILE = """
[driver]
id = "{id}"
name = "Demo"
protocol = "{protocol}"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "{sample_id}"
[result]
test_code = "R-3.4"
value = "R-4"
"""


def _write(folder: Path, driver_id: str, protocol: str = "lis2", sample_id: str = "O-3.1") -> None:
    (folder / driver_id).mkdir(parents=True)
    text = PROFILE.format(id=driver_id, protocol=protocol, sample_id=sample_id)
    (folder / driver_id / "driver.toml").write_text(text, encoding="utf-8")


class _Exploding:
    def profiles(self) -> Iterable[Profile]:
        raise RuntimeError("no licence")


EXPLODING = _Exploding()


def test_the_drivers_in_the_tree_are_found_and_whole() -> None:
    """After installation `generic_astm` is there and nothing is broken."""
    catalogue = load_catalogue()
    assert catalogue.broken == ()
    assert "generic_astm" in [profile.id for profile in catalogue.profiles()]
    driver = catalogue.driver("generic_astm")
    assert isinstance(driver, Driver)
    assert catalogue.driver("generic_astm") is driver


def test_the_interfaces_are_met() -> None:
    """In-tree and third-party catalogues and protocols are the same kind of thing."""
    catalogue: DriverCatalogue = drivers.CATALOGUE
    protocol: ProtocolFactory = PROTOCOL
    assert protocol.name == "lis2"
    assert list(catalogue.profiles())


def test_an_unknown_driver_is_answered_with_the_nearest_name() -> None:
    """A slip of the pen in the settings is easily mended."""
    with pytest.raises(DriverError, match="did you mean 'generic_astm'"):
        load_catalogue().driver("generic_asm")


def test_a_site_adds_a_driver_by_a_folder(tmp_path: Path) -> None:
    """No packaging is needed for a driver that is data."""
    _write(tmp_path, "our_analyzer")
    assert load_catalogue([tmp_path]).driver("our_analyzer").profile.driver.name == "Demo"


def test_a_broken_profile_is_named_and_the_others_stay(tmp_path: Path) -> None:
    """One bad file does not stop the node."""
    _write(tmp_path, "good_one")
    _write(tmp_path, "bad_path", sample_id="R-3")
    _write(tmp_path, "no_protocol", protocol="telepathy")
    (tmp_path / "bad_toml").mkdir()
    (tmp_path / "bad_toml" / "driver.toml").write_text("[driver", encoding="utf-8")
    catalogue = load_catalogue([tmp_path])
    problems = "\n".join(f"{broken.source}: {broken.problem}" for broken in catalogue.broken)
    ids = [profile.id for profile in catalogue.profiles()]
    assert "good_one" in ids
    assert not {"bad_path", "no_protocol", "bad_toml"} & set(ids)
    assert all(name in problems for name in ("bad_path", "telepathy", "bad_toml"))


def test_an_id_belongs_to_the_first_who_uses_it(tmp_path: Path) -> None:
    """Which driver reads a line never depends on the order of a directory listing unnoticed."""
    _write(tmp_path, "generic_astm")
    catalogue = load_catalogue([tmp_path])
    assert catalogue.driver("generic_astm").profile.driver.name != "Demo"
    assert "already used by" in catalogue.broken[0].problem


def test_a_folder_must_be_called_like_its_driver(tmp_path: Path) -> None:
    """The id in the settings leads to the file."""
    _write(tmp_path, "one")
    (tmp_path / "one").rename(tmp_path / "another")
    assert [broken.problem for broken in ProfileFolder(tmp_path).broken()] == [
        "the folder is called 'another' and the driver 'one'"
    ]


def test_a_third_party_that_raises_is_reported_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's package can break itself, not the node."""
    points = {
        module.DRIVER_GROUP: [
            EntryPoint("broken", f"{__name__}:MISSING", module.DRIVER_GROUP),
            EntryPoint("absent", "no_such_package:THING", module.DRIVER_GROUP),
        ],
        module.PROTOCOL_GROUP: [EntryPoint("absent", "no_such_package:P", module.PROTOCOL_GROUP)],
    }
    monkeypatch.setattr(module, "entry_points", lambda group: points[group])
    catalogue = load_catalogue()
    assert catalogue.profiles() == ()
    assert len(catalogue.broken) == 3
    assert any("no_such_package" in broken.problem for broken in catalogue.broken)
