"""Connectors that come with Labwire; each is found through its entry point like any other."""
