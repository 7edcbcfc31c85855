"""Which control was measured is told by identifier: its lot and its level."""

from __future__ import annotations

import pytest

from drivers.protocols.hl7 import PROTOCOL as HL7
from drivers.protocols.lis2 import PROTOCOL as LIS2
from middleware.driver.api import DecodeContext, ProtocolFactory
from middleware.driver.profile import read_profile
from middleware.errors import DriverError
from middleware.model import Specimen

PROFILE = """
[driver]
id = "demo_one"
name = "Demo One"
protocol = "{protocol}"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "{sample_id}"
control_lot = "{lot}"
control_level = "{level}"
[result]
test_code = "{test}"
value = "{value}"
"""
LIS2_PATHS = {"sample_id": "O-3", "lot": "O-4.2", "level": "O-4.3", "test": "R-3.4", "value": "R-4"}
HL7_PATHS = {
    "sample_id": "SPM-2.1",
    "lot": "INV-16",
    "level": "INV-3.1",
    "test": "OBX-3.1",
    "value": "OBX-5",
}
LIS2_TEXT = "H|\\^&\rP|1\rO|1|{id}|^LOT77^2|^^^GLU|||||||{mark}\rR|1|^^^GLU|5.4\rL|1|N\r"
HL7_TEXT = (
    "MSH|^~\\&|A||||20310304101500||OUL^R22|1|P|2.5.1\rSPM|1|{id}||SER|||||||{mark}\r"
    "INV|CTRL||2|||||||||||||LOT77\rOBR|1|||GLU\rOBX|1|NM|GLU||5.4||||||F\r"
)


def _specimen(protocol: ProtocolFactory, paths: dict[str, str], text: str) -> Specimen:
    profile = read_profile(PROFILE.format(protocol=protocol.name, **paths), "x")
    (result,) = protocol.make_driver(profile).decode(text.encode(), DecodeContext()).results
    return result.specimen


@pytest.mark.parametrize(
    ("protocol", "paths", "text"), [(LIS2, LIS2_PATHS, LIS2_TEXT), (HL7, HL7_PATHS, HL7_TEXT)]
)
def test_a_control_names_its_lot_and_its_level(
    protocol: ProtocolFactory, paths: dict[str, str], text: str
) -> None:
    """A control chart is of one lot and one level."""
    control = _specimen(protocol, paths, text.format(id="QC-1", mark="Q"))
    assert (control.control_lot, control.control_level) == ("LOT77", "2")


@pytest.mark.parametrize(
    ("protocol", "paths", "text"), [(LIS2, LIS2_PATHS, LIS2_TEXT), (HL7, HL7_PATHS, HL7_TEXT)]
)
def test_a_patient_has_neither(protocol: ProtocolFactory, paths: dict[str, str], text: str) -> None:
    """The same fields mean other things where no control was measured."""
    patient = _specimen(protocol, paths, text.format(id="S1001", mark=""))
    assert (patient.control_lot, patient.control_level) == ("", "")


def test_a_path_that_cannot_be_read_there_is_refused() -> None:
    """A lot is of the material and not of one result."""
    with pytest.raises(DriverError, match=r"R-3\.4"):
        _specimen(LIS2, LIS2_PATHS | {"lot": "R-3.4"}, LIS2_TEXT)
