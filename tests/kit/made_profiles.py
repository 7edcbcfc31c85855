"""The smallest profile for tests, and more of it as TOML text."""

from __future__ import annotations

from pathlib import Path

from middleware.driver.profile import Profile, read_profile

SMALLEST = """
[driver]
id = "demo_one"
name = "Demo One"
protocol = "lis2"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "O-3.1"
[result]
test_code = "R-3.4"
value = "R-4"
unit = "R-5"
flags = "R-7"
dilution = "R-12"
"""


def made_profile(more: str = "", folder: Path | None = None) -> Profile:
    """The smallest profile, with `more` below it."""
    return read_profile(SMALLEST + more, "demo/driver.toml", folder)
