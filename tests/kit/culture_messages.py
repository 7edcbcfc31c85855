"""Cultures of invented people as an analyzer's HL7 says them, and what a driver that reads cultures makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.protocols.hl7 import PROTOCOL
from middleware.driver.api import DecodeContext
from middleware.driver.finish import finish
from middleware.driver.profile import Profile
from middleware.model import Envelope, Result
from tests.kit.hl7_messages import driver, message

CULTURE = {
    "isolate": ["OBR-26.2", "OBX-4"],
    "identification": {"path": "OBX-3.1", "pattern": "ORGANISM"},
}
GROWTH = (
    "PID|1||P-1001||TESTCASE^ADA",
    "OBR|1|K-2001|K-2001|CULT^Culture",
    "OBX|1|CWE|ORGANISM|1|ECO^Escherichia coli^99DEM||||||F",
    "OBX|2|CWE|ORGANISM|2|EFA^Enterococcus faecalis^99DEM||||||F",
)


def susceptibilities(parent: str, *observations: str, sample_id: str = "K-2001") -> list[str]:
    """An order that follows from a result (OBR-26), and its observations: `code|number|value|interpretation`."""
    lines = [f"OBR|2|{sample_id}|{sample_id}|MIC^MIC{'|' * 22}{parent}"]
    for at, one in enumerate(observations, 1):
        code, number, value, interpretation = one.split("|")
        lines.append(f"OBX|{at}|SN|{code}|{number}|{value}|ug/mL||{interpretation}|||F")
    return lines


def profile(**changes: object) -> Profile:
    """The generic profile with a culture section, and OBX-4 free for the isolate."""
    content = driver().profile.model_dump(mode="json", exclude_unset=True)
    content["culture"] = CULTURE | changes
    content.pop("protocol")
    return Profile.model_validate(content)


def read(*segments: str, of: Profile | None = None) -> Envelope:
    """Everything that is read of the message."""
    used = of or profile()
    return finish(PROTOCOL.make_driver(used).decode(message(*segments), DecodeContext()), used)


def whole_culture() -> Envelope:
    """Two isolates with the same two antibiotics, values and interpretations of their own."""
    return read(
        *GROWTH,
        *susceptibilities("ORGANISM^1^ECO", "AMP|1|>=^32|R", "GEN|1|<=^1|S"),
        *susceptibilities("ORGANISM^2^Enterococcus faecalis", "AMP|2|<=^2|S", "GEN|2|^500|R"),
    )


def bound(results: Sequence[Result]) -> list[tuple[str, str, str, int]]:
    """(test, isolate, organism, record of the identification) of each result."""
    return [
        (
            one.test_code,
            one.isolate.number if one.isolate else "",
            one.isolate.organism if one.isolate else "",
            one.parent.record if one.parent else 0,
        )
        for one in results
    ]


def doubts(results: Sequence[Result]) -> dict[str, str]:
    """Why it is not certain what each test is of."""
    return {one.test_code: one.isolate.doubt for one in results if one.isolate is not None}
