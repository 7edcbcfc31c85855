"""The JSON Schema of driver.toml, for editors: keys, types, choices, words of help and an example of each."""

from __future__ import annotations

import json
from typing import Any

from middleware.driver.profile import Profile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def profile_schema() -> dict[str, Any]:
    """The schema, made from the model that reads profiles. What only a protocol knows (`[protocol]`) is left open."""
    made = Profile.model_json_schema(mode="validation")
    return {"$schema": DIALECT, **made, "title": "Labwire driver.toml"}


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(profile_schema(), indent=1, ensure_ascii=False) + "\n"
