"""The published JSON Schema takes every profile that Labwire takes, and finds the mistakes that an editor can find."""

from __future__ import annotations

import tomllib

import pytest

from middleware.driver.profile import Profile, read_profile
from middleware.driver.schema import profile_schema, schema_text
from tests.kit.json_schema import breaches
from tests.kit.made_profiles import SMALLEST
from tests.kit.places import ROOT

SCHEMA = profile_schema()
PROFILES = sorted((ROOT / "drivers" / "analyzers").glob("*/driver.toml"))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_profile_of_ours_fits_the_schema(path) -> None:
    """An editor never underlines what is right."""
    text = path.read_text(encoding="utf-8")
    assert list(breaches(tomllib.loads(text), SCHEMA, SCHEMA)) == []


@pytest.mark.parametrize(
    "mistake",
    [
        "[specimens]\na = 1",
        "[values]\nrules = ['comma']",
        "[values]\ndilution = 'yes'",
        "[values]\nformats = { WBC = '0.00' }",
        "[link]\nreceive_s = 0",
        "[transport]\ntcp = 'both'",
        "[header]\nserial = 5",
        "[header]\nserial = { paths = 'H-5' }",
        "[units]\n'G/L' = { ucmu = '10*9/L' }",
        "[hook]\ndecoded = 'hooks.py'",
    ],
)
def test_a_mistake_is_found_by_the_schema_as_by_labwire(mistake: str) -> None:
    """While one writes, and again when it is loaded."""
    text = SMALLEST + mistake
    assert list(breaches(tomllib.loads(text), SCHEMA, SCHEMA))
    with pytest.raises(Exception, match="mistakes"):
        read_profile(text, "x")


def test_the_schema_knows_every_section_with_its_words_and_examples() -> None:
    """What a person reads while the pointer rests on a key."""
    assert SCHEMA["properties"].keys() == Profile.model_fields.keys()
    result = SCHEMA["$defs"]["ResultSection"]["properties"]
    assert result["harmless_flags"]["description"]
    assert result["test_code"]["examples"]
    assert schema_text().endswith("}\n")
