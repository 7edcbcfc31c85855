"""What IHE LAW and HL7's own tables mean to this driver. Data only; codes and numbers, never the text of a standard."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from middleware.model import Priority

# MSH-21, entity identifier and namespace (IHE PaLM TF-2b 3.27 to 3.29).
LAB_27 = "LAB-27"
LAB_28 = "LAB-28"
NAMESPACE = "IHE"


class QueryScope(StrEnum):
    """What a query for work asks about (QPD-1, IHE PaLM TF-2b 3.27.4.1)."""

    CONTAINER = "container"
    ALL = "all"
    RACK = "rack"
    TRAY = "tray"
    ISOLATE = "isolate"


# Some makers write their own word behind the profile's; those below ask the same in the same fields.
QUERY_SCOPES: Mapping[str, QueryScope] = MappingProxyType(
    {
        "WOS": QueryScope.CONTAINER,
        "WOS_ALL": QueryScope.ALL,
        "WOS_BY_RACK": QueryScope.RACK,
        "WOS_BY_TRAY": QueryScope.TRAY,
        "WOS_BY_ISOLATE": QueryScope.ISOLATE,
        "WOS_ROCHE": QueryScope.CONTAINER,
    }
)

# The field of QPD without which a query of that scope asks nothing.
REQUIRED_QUERY_FIELD: Mapping[QueryScope, int] = MappingProxyType(
    {
        QueryScope.CONTAINER: 3,
        QueryScope.RACK: 4,
        QueryScope.TRAY: 6,
        QueryScope.ISOLATE: 3,
    }
)

# QPD field -> SAC field of an answer to it (IHE PaLM TF-2b 3.27.4.1, 3.28.4.1).
CONTAINER_FIELDS: Mapping[int, int] = MappingProxyType({3: 3, 4: 10, 5: 11, 6: 13, 7: 14, 8: 15})


class OrderControl(StrEnum):
    """ORC-1 (HL7 table 0119, IHE PaLM TF-2b 3.28, 3.29)."""

    NEW = "NW"
    CANCEL = "CA"
    NO_WORK = "DC"
    ACCEPTED = "OK"
    UNABLE = "UA"
    CANCELLED = "CR"
    NOT_CANCELLED = "UC"


STEP_CANCELLED = "CA"  # ORC-5 (HL7 table 0038): could not be done

# TQ1-9 (HL7 table 0485).
PRIORITIES: Mapping[Priority, str] = MappingProxyType(
    {
        Priority.STAT: "S",
        Priority.ASAP: "A",
        Priority.ROUTINE: "R",
        Priority.CALLBACK: "CR",
        Priority.PREOPERATIVE: "P",
    }
)

SUPPLEMENTAL_SYSTEM = (
    "IHELAW"  # OBX-3.6: OBX-3.4 says what the observation is beside the main result
)
