"""A terminal server for tests: RFC 2217 on TCP over a pseudo-terminal, or a box that refuses the option."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import tty
from typing import Any

import serial
from serial import rfc2217

IAC, DONT, DO, WONT, WILL = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB
COM_PORT_OPTION = 44


class _Port(serial.Serial):
    """A pseudo-terminal has no modem lines: they are remembered, and always up."""

    cts = dsr = cd = True
    ri = False

    def _update_rts_state(self) -> None:
        """pyserial would ask the system."""

    def _update_dtr_state(self) -> None:
        """pyserial would ask the system."""


class _Sender:
    """What pyserial's port manager writes its answers to."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def write(self, data: bytes) -> None:
        self._peer.sendall(data)


class Rfc2217Box:
    """One port of a terminal server; `analyzer` is the cable's other end."""

    def __init__(self) -> None:
        self.analyzer, slave = os.openpty()
        tty.setraw(slave)
        self.serial: Any = _Port(os.ttyname(slave), timeout=0)
        os.close(slave)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_on = True
        self._peer: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """The box loses its connection, as when it is restarted."""
        if self._peer is not None:
            self._peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._is_on = False
        self._listener.close()
        self._thread.join(5)
        self.serial.close()
        os.close(self.analyzer)

    def _serve(self) -> None:
        while self._is_on:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if not ready or not self._is_on:
                continue
            peer, _ = self._listener.accept()
            with peer:
                self._peer = peer
                self._carry(peer)
                self._peer = None

    def _carry(self, peer: socket.socket) -> None:
        manager = rfc2217.PortManager(self.serial, _Sender(peer), logging.getLogger("box"))
        while self._is_on:
            ready, _, _ = select.select([peer, self.serial], [], [], 0.02)
            try:
                if peer in ready:
                    data = peer.recv(4096)
                    if not data:
                        return
                    self.serial.write(b"".join(manager.filter(data)))
                if self.serial in ready:
                    peer.sendall(b"".join(manager.escape(self.serial.read(4096))))
            except OSError:
                return


class PlainTelnetBox:
    """A box that speaks Telnet and refuses option 44, or (raw) says nothing at all."""

    def __init__(self, is_raw: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_raw = is_raw
        self._is_on = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_on = False
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while self._is_on:
            ready, _, _ = select.select([self._listener], [], [], 0.02)
            if ready and self._is_on:
                peer, _ = self._listener.accept()
                with peer:
                    self._refuse(peer)

    def _refuse(self, peer: socket.socket) -> None:
        peer.settimeout(0.1)
        while self._is_on:
            try:
                data = peer.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            if not self._is_raw:
                self._answer(peer, data)

    @staticmethod
    def _answer(peer: socket.socket, data: bytes) -> None:
        for at in range(0, len(data) - 2, 3):
            asked, option = data[at + 1], data[at + 2]
            if asked in (WILL, DO):
                peer.sendall(bytes((IAC, DONT if asked == WILL else WONT, option)))
