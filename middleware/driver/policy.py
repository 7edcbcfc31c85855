"""Makes the value policy of a profile: what it declares of values and units, ready for reading."""

from __future__ import annotations

from types import MappingProxyType

from middleware.driver.beside import BesideRules
from middleware.driver.profile import Profile
from middleware.driver.scales import Scale, Scales
from middleware.driver.units import UCUM
from middleware.driver.value_rules import ValueRule
from middleware.driver.values import ValuePolicy


def policy_of(profile: Profile) -> ValuePolicy:
    """The policy that every protocol reads values with."""
    values = profile.values
    return ValuePolicy(
        rules=frozenset(values.rules),
        qualitative=frozenset(word.casefold() for word in values.qualitative),
        masked=frozenset(word.casefold() for word in values.masked),
        scales=_scales(profile),
        beside=_beside(profile),
    )


def _scales(profile: Profile) -> Scales:
    if ValueRule.UNIT_SCALE not in profile.values.rules:
        return MappingProxyType({})
    return MappingProxyType(
        {sent: Scale(rule.factor, rule.unit or sent) for sent, rule in profile.units.items()}
    )


def _beside(profile: Profile) -> BesideRules:
    has_units = ValueRule.UNIT_IN_VALUE in profile.values.rules
    return BesideRules(
        marks=tuple(profile.values.marks),  # empty unless the rule is in force
        units=frozenset({*UCUM, *profile.units}) if has_units else (),
    )
