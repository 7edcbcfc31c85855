"""The settings of one connector that writes into a database."""

from __future__ import annotations

from enum import StrEnum

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from middleware.payload.flat_results import ResultField


class Corrections(StrEnum):
    """What becomes of a corrected or withdrawn result that is in the table."""

    INSERT = "insert"  # it gets a row of its own
    UPDATE = "update"  # its row is changed


class ClockTimes(StrEnum):
    """Which clock a time shows in a column that has no time zone."""

    UTC = "utc"
    LOCAL = "local"  # of the line for measured times, else of the node


NEEDED = {
    Corrections.INSERT: (ResultField.ROW_ID,),
    Corrections.UPDATE: (ResultField.FIRST_ID, ResultField.VERSION),
}
"""Without these among the columns nothing could be known again; the first is the key."""


class DatabaseSettings(BaseModel):
    """What a `[[connector]]` of type `database` says beside `id` and `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str = Field(
        description="SQLAlchemy URL of the LIS's database, without a password; a SQLite file by its whole path.",
    )
    password: SecretStr | None = Field(default=None, description="Of the user in `database`.")
    table: str = Field(
        min_length=1,
        max_length=128,
        description="The table that results go into. It must be there.",
    )
    table_schema: str = Field(
        default="",
        max_length=128,
        description="The schema of `table`; empty: the database's default.",
    )
    columns: dict[str, ResultField] = Field(
        min_length=1,
        description="What each column gets, as { column = field }; the fields are in the connector's README.",
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="Columns that always get the same text."
    )
    corrections: Corrections = Field(
        default=Corrections.INSERT,
        description="A correction gets a row of its own (`insert`, needs a column for row_id), or changes the row "
        "that is there (`update`, needs first_id and version).",
    )
    times: ClockTimes = Field(
        default=ClockTimes.UTC,
        description="Which clock a time shows in a column that has no time zone: `utc` or `local`.",
    )
    timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds after which the database counts as hanging.",
    )

    @field_validator("database")
    @classmethod
    def _url_can_be_used(cls, value: str) -> str:
        try:
            url = make_url(value)
            url.get_dialect().import_dbapi()
        except ImportError as error:
            raise ValueError(f"its driver is not installed here: {error.name}") from error
        except (SQLAlchemyError, ValueError) as error:
            raise ValueError(
                "it is no URL of a database that is known; write postgresql+psycopg://user@host/name or the like"
            ) from error
        if url.password is not None or "password" in url.query:
            raise ValueError("no password stands in the URL; write it as password")
        if url.get_backend_name() == "sqlite" and not (url.database or "").startswith("/"):
            raise ValueError("a SQLite file needs its whole path; write sqlite:////srv/lis/name.db")
        return value

    @model_validator(mode="after")
    def _columns_make_sense(self) -> DatabaseSettings:
        for needed in NEEDED[self.corrections]:
            if needed not in self.columns.values():
                words = f"corrections = {self.corrections.value} needs a column for {needed.value}"
                raise ValueError(words)
        both = sorted(self.columns.keys() & self.constants.keys())
        if both:
            raise ValueError(f"{both[0]} stands in columns and in constants")
        return self

    def column_of(self, field: ResultField) -> str:
        """The first column that gets this field; one of those that are needed."""
        return next(column for column, one in self.columns.items() if one is field)

    @property
    def key_column(self) -> str:
        """What a row is known by."""
        return self.column_of(NEEDED[self.corrections][0])

    @property
    def url(self) -> URL:
        """With the password in it: never shown, never logged."""
        url = make_url(self.database)
        if self.password is None:
            return url
        return url.set(password=self.password.get_secret_value())
