"""Labwire: the open wire between a laboratory's analyzers and its LIS."""

__version__ = "0.1.0"
