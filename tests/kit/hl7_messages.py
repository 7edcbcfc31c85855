"""HL7 messages of invented people for tests, and drivers that read them."""

from __future__ import annotations

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import Profile
from middleware.model import Envelope, Result

HEADER = r"MSH|^~\&|ANALYZER|LAB|||20260314100000||ORU^R01|M-1|P|2.5.1"
GENERIC = "generic_hl7"
_CATALOGUE = load_catalogue()


def message(*segments: str, header: str = HEADER, end: str = "\r") -> bytes:
    """A message as it stands in a block."""
    return "".join(one + end for one in (header, *segments)).encode("utf-8")


def driver(driver_id: str = GENERIC) -> Driver:
    """A driver of the tree."""
    return _CATALOGUE.driver(driver_id)


def profile_with(section: str, **keys: object) -> Profile:
    """The generic profile with other keys in one section."""
    content = driver().profile.model_dump(mode="json", exclude_unset=True)
    content[section] = {**content.get(section, {}), **keys}
    return Profile.model_validate(content)


def decode(
    *segments: str, header: str = HEADER, driver_id: str = GENERIC, zone: str = "UTC"
) -> Envelope:
    """Everything that is read of a message."""
    return driver(driver_id).decode(message(*segments, header=header), DecodeContext(zone))


def results(*segments: str, header: str = HEADER, driver_id: str = GENERIC) -> list[Result]:
    """Its results."""
    return list(decode(*segments, header=header, driver_id=driver_id).results)


def observation(value_type: str, value: str, unit: str = "", rest: str = "|||||F") -> str:
    """An OBX of the test GLU; `rest` begins at OBX-7."""
    return f"OBX|1|{value_type}|GLU^Glucose^99DEM||{value}|{unit}{rest}"
