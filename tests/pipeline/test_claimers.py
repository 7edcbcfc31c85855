"""Which lines may be given work, under which rules, and which analyzers can be told of changes."""

from __future__ import annotations

from typing import Any

from middleware.model import ToTell
from middleware.model.sample_id import SampleIdSteps
from middleware.pipeline.claimers import claimers_of, tellable_lines, terms_of
from tests.kit.made_setups import made_setup


class Teller:
    """A driver that can tell of a cancel."""

    tellable = frozenset({ToTell.CANCEL})

    def tell(self, work: Any, what: Any, context: Any) -> None:
        return None


def test_a_line_s_own_rules_go_with_its_claims() -> None:
    setup = made_setup(orders={"before_arrival": False}, sample_ids={"pad_zeros_to": 8})
    claimer = claimers_of(setup)["chem-1"]
    assert not claimer.before_arrival
    assert claimer.ordered_id("123") == "00000123"
    assert claimer.menu is None
    assert claimer.code_for("GLU", "") == "GLU"


def test_ids_that_need_no_rules_cost_none() -> None:
    assert claimers_of(made_setup())["chem-1"].names is None
    assert SampleIdSteps() == made_setup().lines["chem-1"].sample_ids


def test_only_lines_that_send_unasked_tell_of_changes() -> None:
    drivers = {"made": Teller()}
    assert tellable_lines(made_setup(drivers=drivers), ToTell.CANCEL) == frozenset()
    sending = made_setup(drivers=drivers, orders={"download": "by_hand"})
    assert tellable_lines(sending, ToTell.CANCEL) == {"chem-1", "chem-2"}
    assert tellable_lines(sending, ToTell.CHANGE) == frozenset()
    silent = made_setup(drivers={"made": object()}, orders={"download": "by_hand"})
    assert tellable_lines(silent, ToTell.CANCEL) == frozenset()


def test_the_settings_say_how_long_orders_are_kept() -> None:
    terms = terms_of(made_setup(orders={"sent_again_after_h": 2}))
    assert (terms.keep_s, terms.delete_after_s) == (30 * 86400.0, 400 * 86400.0)
    assert terms.sent_again_after_s == {"chem-1": 7200.0, "chem-2": 7200.0}
