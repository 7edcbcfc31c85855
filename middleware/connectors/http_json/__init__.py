"""The connector to a system that takes results as JSON over HTTP, and may send orders so."""

from middleware.connectors.http_json.factory import CONNECTOR as CONNECTOR
