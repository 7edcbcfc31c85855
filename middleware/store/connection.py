"""The types that callers of the store may name: SQLAlchemy itself stays inside the store."""

from sqlalchemy import Connection as Connection
from sqlalchemy import Engine as Engine

__all__ = ["Connection", "Engine"]
