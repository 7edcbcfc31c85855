"""Cultures in LIS2 records: the isolate stands in the order, and binds what follows from it; never the place."""

from __future__ import annotations

from itertools import permutations

import pytest

from drivers.protocols import columns, framed, poct1a
from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.api import DecodeContext, ProtocolFactory
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import AbnormalFlag, Result
from tests.kit.culture_messages import CULTURE, doubts

CATALOGUE = load_catalogue()
PROTOCOLS: dict[str, ProtocolFactory] = {
    "columns": columns.PROTOCOL,
    "framed": framed.PROTOCOL,
    "poct1a": poct1a.PROTOCOL,
}
PHOENIX = CATALOGUE.driver("bd_phoenix")
ORGANISMS = {"1": "ECOLI", "2": "ENTFAA"}
VALUES = {"1": ("32", AbnormalFlag.RESISTANT), "2": ("2", AbnormalFlag.SUSCEPTIBLE)}


def order(number: str, *results: str) -> list[str]:
    return [f"O|1|K-1^{number}||^^^AST", *results]


def read(*orders: list[str]) -> list[Result]:
    records = [r"H|\^&", "P|1", *[one for each in orders for one in each], "L|1|N"]
    text = "".join(f"{one}\r" for one in records).encode("ascii")
    return list(PHOENIX.decode(text, DecodeContext()).results)


IDENTIFICATIONS = [order(n, f"R|1|^^^ORGANISM|{name}||||||F") for n, name in ORGANISMS.items()]
SUSCEPTIBILITIES = [
    order("1", "R|1|^^^AM|>=32^R|ug/mL||||M"),
    order("2", "R|1|^^^AM|<=2^S|ug/mL||||M"),
]


def test_in_any_order_of_the_records_each_susceptibility_has_its_own_organism() -> None:
    """Also when it comes before the identification."""
    for orders in permutations(IDENTIFICATIONS + SUSCEPTIBILITIES):
        for one in read(*orders):
            assert one.isolate is not None
            number = one.isolate.number
            assert (one.isolate.organism, one.isolate.doubt) == (ORGANISMS[number], "")
            assert (one.run, one.test_detail) == (1, number)
            if one.test_code == "AM":
                value, interpretation = VALUES[number]
                assert (str(one.value.number), one.abnormal_flags) == (value, (interpretation,))
                assert one.parent is not None


def test_a_susceptibility_without_its_identification_is_in_doubt() -> None:
    """The other organism of the specimen is not taken instead."""
    found = read(IDENTIFICATIONS[0], SUSCEPTIBILITIES[1])
    assert doubts(found) == {
        "ORGANISM": "",
        "AM": "nothing in the message names the organism of isolate 2",
    }


def test_an_order_without_a_number_is_of_no_isolate() -> None:
    """A result that no isolate claims stays what it is."""
    (found,) = read(order("", "R|1|^^^GRAM|NEGATIVE RODS||||||F"))
    assert (found.isolate, found.parent, found.test_detail) == (None, None, "")


def with_culture(driver_id: str, **changes: object) -> Profile:
    content = CATALOGUE.driver(driver_id).profile.model_dump(mode="json", exclude_unset=True)
    return Profile.model_validate({**content, "culture": {**CULTURE, **changes}})


def test_paths_of_a_culture_are_checked_when_the_driver_is_made() -> None:
    """A slip in a profile is found before the first result."""
    with pytest.raises(DriverError, match="culture"):
        PROTOCOL.make_driver(with_culture("generic_astm", isolate="P-3"))


@pytest.mark.parametrize("driver_id", ["generic_csv", "beckman_au480", "generic_poct1a"])
def test_a_protocol_that_reads_no_cultures_refuses_the_section(driver_id: str) -> None:
    """Nobody believes that a culture is kept whole where it is not."""
    profile = with_culture(driver_id)
    with pytest.raises(DriverError, match="does not read cultures"):
        PROTOCOLS[profile.driver.protocol].make_driver(profile)
