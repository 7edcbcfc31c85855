"""A panel that the LIS orders under one code is each of its tests, and is answered as one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from middleware.model import OrderAnswer, OrderFault, OrderOutcome, OrderRequest

Panels = Mapping[str, Sequence[str]]
"""Code as ordered -> the tests of it, as the LIS calls them."""

_DONE = (OrderAnswer.ACCEPTED, OrderAnswer.CHANGED, OrderAnswer.CANCELLED)


def each_test(request: OrderRequest, panels: Panels) -> list[OrderRequest]:
    """The request for each test of its panel; itself alone where it names no panel."""
    tests = panels.get(request.test_code)
    if not tests:
        return [request]
    # The panel's name is no test's.
    return [request.model_copy(update={"test_code": one, "test_name": ""}) for one in tests]


def as_one(outcomes: Sequence[OrderOutcome]) -> OrderOutcome:
    """What became of a panel: refused when one of its tests is; done when anything was done.

    A change or cancel of a test that was never ordered counts only where it is so of all.
    """
    faults = [one for one in outcomes if not one.is_good]
    counting = [one for one in faults if one.fault is not OrderFault.UNKNOWN_ORDER]
    if counting or len(faults) == len(outcomes):
        chosen = counting or faults
        texts = list(dict.fromkeys(one.text for one in chosen))
        return chosen[0].model_copy(update={"text": "; ".join(texts)})
    done = [one for one in outcomes if one.answer in _DONE]
    return (done or [one for one in outcomes if one.is_good])[0]
