"""The connector to a LIS that speaks ASTM (LIS01 and LIS2) as a host: Labwire is the instrument."""

from middleware.connectors.lis2_host.factory import CONNECTOR as CONNECTOR
