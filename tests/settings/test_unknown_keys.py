"""A misspelt key is a mistake in every part of the settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.routing.rules import Route


def test_a_route_with_an_unknown_key_is_refused() -> None:
    """`line` for `lines` would send every line's results."""
    with pytest.raises(ValidationError):
        Route.model_validate({"to": ["lis"], "line": ["chem-1"]})


def test_a_connector_with_an_unknown_key_is_refused() -> None:
    """A misspelt time-out would be the default in silence."""
    with pytest.raises(ValidationError):
        Hl7MllpSettings.model_validate({"host": "lis", "port": 2575, "ack_timeout": 5})
