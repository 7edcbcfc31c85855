"""The connector to a LIS that takes results as rows of a table of its database."""

from middleware.connectors.database.factory import CONNECTOR as CONNECTOR
