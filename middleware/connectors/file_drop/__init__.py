"""The connector to a LIS that takes results as files from a folder."""

from middleware.connectors.file_drop.factory import CONNECTOR as CONNECTOR
