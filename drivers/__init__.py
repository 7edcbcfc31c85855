"""The drivers that come with Labwire: one catalogue, no privilege over anybody else's."""

from drivers.in_tree import CATALOGUE

__all__ = ["CATALOGUE"]
