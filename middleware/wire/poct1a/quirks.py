"""Every deviation from POCT1-A that a line may tolerate: its name, what the analyzer does, what we do."""

from __future__ import annotations

from middleware.wire.lis1.quirks import Quirk
from middleware.wire.poct1a import constants as c

HELLO_MISSING = "hello_missing"
ATTRIBUTE_STYLE = "attribute_style"

QUIRKS: dict[str, Quirk] = {
    HELLO_MISSING: Quirk(
        c.CLAUSE_CONVERSATION,
        "Sends observations or events without HEL.R01 before them.",
        "They are taken; nothing says which analyzer of the line measured.",
    ),
    ATTRIBUTE_STYLE: Quirk(
        c.CLAUSE_DOCUMENT,
        'Writes the header as attributes: `<HDR control_id="7"/>`.',
        "Attributes are read where the field's own element is missing.",
    ),
}
