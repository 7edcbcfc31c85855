"""Bytes over sockets (serial ports come later), and the shim that joins them to a link."""
