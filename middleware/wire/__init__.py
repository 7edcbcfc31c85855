"""Protocols, sans-IO: bytes and times in, events and bytes out. Standard library only."""
