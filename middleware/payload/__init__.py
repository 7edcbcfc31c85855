"""Canonical results to outgoing text, pure: HL7 here; used by connectors and emulators."""
