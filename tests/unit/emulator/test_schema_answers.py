"""What an emulated model writes fits its schema, and is the same for the same prompt and seed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidpipe.emulator.schema_answers import Unanswerable, made_from

SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "minLength": 30, "maxLength": 33},
    {"type": "integer", "exclusiveMinimum": 2, "maximum": 3},
    {"type": "number", "minimum": -1, "maximum": -0.5},
    {"type": "integer", "minimum": 7, "multipleOf": 5, "maximum": 12},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 4},
    {"type": ["string", "null"]},
    {"anyOf": [{"type": "null"}, {"type": "string"}]},
    {"const": {"a": 1}},
    {"enum": [1, "two"]},
    {
        "type": "object", "required": ["shots"], "additionalProperties": False,
        "properties": {"shots": {"type": "array", "items": {"$ref": "#/$defs/shot"}, "minItems": 2}},
        "$defs": {"shot": {"allOf": [
            {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
            {"properties": {"seconds": {"type": "number", "minimum": 1, "maximum": 8}}, "required": ["seconds"]},
        ]}},
    },
    {
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#"}}},
    },
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@given(prompt=st.text(max_size=60), seed=st.integers(0, 2**32 - 1))
def test_it_fits_whatever_the_prompt_and_the_seed(schema: dict[str, Any], prompt: str, seed: int) -> None:
    made = made_from(schema, prompt, seed)
    jsonschema.validate(made, schema)
    assert made == made_from(schema, prompt, seed)


@pytest.mark.parametrize(
    "schema",
    [{"type": "nothing"}, {"type": "string", "pattern": "^[0-9]{4}$"}, {"$ref": "#/$defs/none"},
     {"type": "object", "required": ["me"], "properties": {"me": {"$ref": "#"}}}, {"not": {}}],
)  # fmt: skip
def test_what_it_cannot_meet_it_says(schema: dict[str, Any]) -> None:
    with pytest.raises(Unanswerable):
        made_from(schema, "a sea", 7)
