"""Microbiology: which isolate a result is of, and which identification it follows from; by identifier only.

Theory. A susceptibility without its organism, or with another's, is worse than none. So a result of an isolate is bound
to the one identification that the same message gives of that isolate of that specimen. No identification, or two that
differ, or an order that names another organism, is a doubt, which review holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field, field_validator

from middleware.driver.rules import PathField, PathText, Section
from middleware.errors import DriverError
from middleware.model import Isolate, Result


class IdentificationRule(Section):
    """How an observation is told that names the organism of an isolate."""

    path: PathText = Field(description="The field that tells.", examples=["OBX-3.1"])
    pattern: str = Field(
        min_length=1,
        description="Regular expression for the whole text, upper and lower case alike.",
        examples=["ORGANISM|11475-1"],
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


class CultureSection(Section):
    """Where a microbiology result says which isolate it is of."""

    isolate: PathField = Field(
        description="Number of the isolate, of identifications and susceptibilities alike.",
        examples=["OBX-4", ["OBR-26.2", "OBX-4"]],
    )
    identification: IdentificationRule = Field(
        description="Which observations name the organism.",
        examples=[{"path": "OBX-3.1", "pattern": "ORGANISM"}],
    )


def refuse_culture(driver_id: str, section: CultureSection | None) -> None:
    """For protocols that cannot read cultures: DriverError when a profile expects it, lest nobody notices."""
    if section is not None:
        raise DriverError(
            f"{driver_id}: this protocol does not read cultures",
            what_to_do="Leave out [culture]; hl7 and lis2 read them.",
            field="culture",
        )


def bind(results: Sequence[Result]) -> tuple[Result, ...]:
    """The results with each isolate's organism, and each susceptibility's parent.

    An identification comes here with its `organism` and without a parent; any other result of an isolate with what its
    own order says of the organism, if anything.
    """
    named: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        if one.isolate is not None and one.isolate.test_code:
            named.setdefault((one.specimen.sample_id, one.isolate.number), []).append(one)
    return tuple(
        [one if one.isolate is None else _bound(one, one.isolate, named) for one in results]
    )


def _bound(one: Result, isolate: Isolate, named: dict[tuple[str, str], list[Result]]) -> Result:
    found = named.get((one.specimen.sample_id, isolate.number), [])
    doubt = isolate.doubt or _doubt(isolate, found)
    if doubt:
        return one.model_copy(update={"isolate": isolate.model_copy(update={"doubt": doubt})})
    if found[0] is one or found[0].isolate is None:
        return one
    return one.model_copy(update={"isolate": found[0].isolate, "parent": found[0].source})


def _doubt(isolate: Isolate, found: Sequence[Result]) -> str:
    """Why the organism is not certain; "" when it is."""
    if not isolate.number and not isolate.test_code:
        return "the result follows from another, and names no isolate"
    organisms = {one.isolate.organism for one in found if one.isolate is not None}
    if not organisms or "" in organisms:
        return f"nothing in the message names the organism of {_called(isolate)}"
    if len(organisms) > 1:
        return f"{_called(isolate)} is identified as {' and as '.join(sorted(organisms))}"
    names = {text.strip().casefold() for one in found for text in (one.value.raw, one.value.text)}
    names |= {part.strip() for name in names for part in name.split("^")}
    if isolate.organism and isolate.organism.casefold() not in names:
        organism = next(iter(organisms))
        return f"the order is for {isolate.organism}, and {_called(isolate)} is {organism}"
    return ""


def _called(isolate: Isolate) -> str:
    return f"isolate {isolate.number}" if isolate.number else "the isolate without a number"
