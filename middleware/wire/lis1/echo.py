"""Drops our own bytes when the line returns them (quirk `echoes_sent_bytes`)."""

from __future__ import annotations


class EchoFilter:
    """I am responsible for what was written and has not come back yet."""

    __slots__ = ("_awaited",)

    def __init__(self) -> None:
        self._awaited = bytearray()

    def sent(self, data: bytes) -> None:
        """These bytes were written, so they will come back."""
        self._awaited += data

    def clear(self) -> None:
        """A new connection: nothing will come back."""
        self._awaited.clear()

    def without_echo(self, data: bytes) -> bytes:
        """`data` without its echo. The first difference shows that the line did not echo: stop."""
        awaited = self._awaited
        length = min(len(data), len(awaited))
        if data[:length] != awaited[:length]:
            pairs = zip(data, awaited, strict=False)
            length = next(index for index, (got, sent) in enumerate(pairs) if got != sent)
            awaited.clear()
        del awaited[:length]
        return data[length:]
