"""The emulated FHIR server is worth something only if it refuses what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from emulators.fhir_lis import EmulatedFhirLis, FhirConduct
from emulators.fhir_rules import faults_of
from emulators.oracle import Book
from middleware.clock import SystemClock
from middleware.transport.base import Address

NAME = "urn:uuid:00000000-0000-8000-8000-00000000000{}"


def observation() -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:lab", "value": "R1"}],
        "status": "final",
        "code": {"coding": [{"system": "urn:lab:tests", "code": "GLU"}]},
        "issued": "2031-03-04T10:30:00+01:00",
        "valueQuantity": {"value": "5.40", "unit": "mmol/L"},
        "device": {"reference": NAME.format(2)},
    }


def transaction() -> dict[str, Any]:
    device = {"resourceType": "Device", "identifier": [{"system": "urn:lab", "value": "D1"}]}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "identifier": {"system": "urn:lab", "value": "M1"},
        "entry": [
            {
                "fullUrl": NAME.format(1),
                "resource": observation(),
                "request": {"method": "PUT", "url": "Observation?identifier=urn%3Alab%7CR1"},
            },
            {
                "fullUrl": NAME.format(2),
                "resource": device,
                "request": {
                    "method": "POST",
                    "url": "Device",
                    "ifNoneExist": "identifier=urn%3Alab%7CD1",
                },
            },
        ],
    }


def first(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["entry"][0]["resource"]
    return found


MISTAKES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("no transaction", lambda one: one.update(type="batch")),
    ("is empty", lambda one: first(one).update(note=[])),
    ("unknown element", lambda one: first(one).update(verifier="x")),
    ("unknown code", lambda one: first(one).update(status="done")),
    ("needs a coding", lambda one: first(one).update(code={"text": "GLU"})),
    ("two values", lambda one: first(one).update(valueString="5.40")),
    ("neither a value nor", lambda one: first(one).pop("valueQuantity")),
    ("no decimal", lambda one: first(one)["valueQuantity"].update(value="05.4")),
    ("code without its system", lambda one: first(one)["valueQuantity"].update(code="mmol/L")),
    ("no instant", lambda one: first(one).update(issued="2031-03-04T10:30")),
    ("no dateTime", lambda one: first(one).update(effectiveDateTime="2031-03-04T10:30+01:00")),
    ("system that is a URI", lambda one: first(one).update(identifier=[{"value": "R1"}])),
    ("not in the bundle", lambda one: one["entry"][1].update(fullUrl=NAME.format(3))),
    ("no urn:uuid", lambda one: one["entry"][1].update(fullUrl="Device/1")),
    ("stands twice", lambda one: one["entry"][1].update(fullUrl=NAME.format(1))),
    ("no conditional create", lambda one: one["entry"][1]["request"].pop("ifNoneExist")),
    ("no conditional update", lambda one: one["entry"][0]["request"].update(url="Observation")),
    ("neither POST nor PUT", lambda one: one["entry"][0]["request"].update(method="GET")),
    ("is not taken here", lambda one: first(one).update(resourceType="Patient")),
]


def test_a_good_transaction_has_no_fault() -> None:
    assert list(faults_of(transaction())) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[0])
def test_each_mistake_is_found(mistake: tuple[str, Callable[[dict[str, Any]], object]]) -> None:
    words, spoil = mistake
    bundle = transaction()
    spoil(bundle)
    assert any(words in why for _, why in faults_of(bundle))


def test_a_transaction_is_done_as_a_whole_and_once() -> None:
    lis = EmulatedFhirLis(Address("127.0.0.1", 0), Book(None), SystemClock())
    good = json.dumps(transaction()).replace('"5.40"', "5.40").encode()
    spoilt = good.replace(b'"Device?', b'"').replace(b'"final"', b'"done"')
    assert lis.take({}, spoilt)[0] == 422
    assert lis.resources == {}
    for _ in range(2):
        assert lis.take({}, good)[0] == 200
    assert (lis.created, len(lis.resources)) == (2, 2)
    lis.conduct = FhirConduct(refuse_every=1)
    status, content = lis.take({}, good)
    assert (status, content["resourceType"]) == (422, "OperationOutcome")
    lis._server.server_close()
