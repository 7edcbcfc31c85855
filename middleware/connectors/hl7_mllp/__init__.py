"""The connector to a LIS that receives HL7 v2 results over MLLP."""

from middleware.connectors.hl7_mllp.factory import CONNECTOR as CONNECTOR
