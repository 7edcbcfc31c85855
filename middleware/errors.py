"""The one tree of errors that Labwire raises. Each docstring says what a person should understand and do.

Every error that reaches a person carries `what_to_do`: one sentence in the imperative.
"""

from __future__ import annotations


class MiddlewareError(Exception):
    """Something went wrong inside Labwire. `code` is stable and can be searched for; `what_to_do` is for people."""

    code = "middleware-error"

    def __init__(self, message: str, *, what_to_do: str = "") -> None:
        super().__init__(message)
        self.what_to_do = what_to_do


class WireError(MiddlewareError):
    """The bytes on a line did not follow the protocol. The capture and the journal keep them."""

    code = "wire-error"


class DriverError(MiddlewareError):
    """A driver could not read a message. The message is kept as unreadable; mend the profile and replay it.

    `record` is the 1-based number of the record at fault (0: the whole message), `field` its path, for example `H-5.1`.
    """

    code = "driver-error"

    def __init__(
        self, message: str, *, what_to_do: str = "", record: int = 0, field: str = ""
    ) -> None:
        super().__init__(message, what_to_do=what_to_do)
        self.record = record
        self.field = field


class StoreError(MiddlewareError):
    """The store refused a read or a write. Nothing was acknowledged; see `labwire doctor`."""

    code = "store-error"


class StoreNotWritable(StoreError):
    """The store cannot commit (full disk, lost database). Analyzers are refused and keep their results."""

    code = "store-not-writable"


class SettingsError(MiddlewareError):
    """The settings are wrong. The message names file, line and what to write instead."""

    code = "settings-error"


class DeliveryError(MiddlewareError):
    """A connector could not deliver. The message stays in the outbox and is sent again."""

    code = "delivery-error"
