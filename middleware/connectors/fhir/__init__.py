"""The connector to a FHIR R4 server that takes results as transactions."""

from middleware.connectors.fhir.factory import CONNECTOR as CONNECTOR
