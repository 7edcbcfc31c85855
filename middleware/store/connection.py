"""The type that every function of the store takes, for callers that name it: SQLAlchemy itself
stays inside the store.
"""

from sqlalchemy import Connection as Connection

__all__ = ["Connection"]
