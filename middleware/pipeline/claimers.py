"""Which lines may be given work, under which rules; which of their analyzers can be told of changes afterwards."""

from __future__ import annotations

from middleware.driver.api import (
    DownloadingDriver,
    OrderingDriver,
    StepReadingDriver,
    TellingDriver,
)
from middleware.model import ToTell
from middleware.model.sample_id import SampleIdSteps
from middleware.setup import Setup
from middleware.store.expiry import Terms
from middleware.store.work import Claimer

_AS_WRITTEN = SampleIdSteps()
_DAY_S = 86400.0
_HOUR_S = 3600.0


def claimers_of(setup: Setup) -> dict[str, Claimer]:
    """Every line that may be given work, with what its analyzer calls the LIS's tests and the tubes."""
    claimers = {}
    for line in setup.lines.values():
        if line.relay is not None:  # the present host answers
            continue
        codes = setup.codes.get(line.id)
        claimers[line.id] = Claimer(
            line=line.id,
            code_for=_as_ordered if codes is None else codes.code_for,
            order_source=line.order_source,
            before_arrival=line.orders.before_arrival,
            names=None if line.sample_ids == _AS_WRITTEN else line.sample_ids,
            menu=None if codes is None else codes.orderable,
        )
    return claimers


def _as_ordered(lis_code: str, _specimen_type: str) -> str:
    """Without a table of codes the analyzer does every test under the code that the LIS ordered."""
    return lis_code


def takes_work(setup: Setup, line: str) -> bool:
    """Whether the analyzer of a line can be given work at all: its driver writes orders, and no present host does."""
    settings = setup.lines.get(line)
    if settings is None or settings.relay is not None:
        return False
    driver = setup.drivers.get(settings.driver)
    return driver is None or isinstance(driver, OrderingDriver | DownloadingDriver)


def tellable_lines(setup: Setup, what: ToTell) -> frozenset[str]:
    """Lines whose analyzers are told when something that they have is cancelled, or becomes urgent."""
    return frozenset(
        line.id
        for line in setup.lines.values()
        if line.relay is None
        and line.orders.sends_unasked
        and isinstance(driver := setup.driver_of(line.id), TellingDriver)
        and what in driver.tellable
    )


def cancelling_lines(setup: Setup) -> frozenset[str]:
    """Lines whose analyzers are told of a cancel, and say of each step whether they cancel it."""
    return frozenset(
        line
        for line in tellable_lines(setup, ToTell.CANCEL)
        if isinstance(setup.driver_of(line), StepReadingDriver)
    )


def terms_of(setup: Setup) -> Terms:
    """How long orders are kept under these settings."""
    return Terms(
        keep_s=setup.node.orders_keep_days * _DAY_S,
        delete_after_s=setup.node.orders_delete_after_days * _DAY_S,
        sent_again_after_s={
            line.id: line.orders.sent_again_after_h * _HOUR_S for line in setup.lines.values()
        },
    )
