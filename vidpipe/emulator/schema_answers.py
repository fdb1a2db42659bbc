"""JSON that fits a schema, the same for the same prompt and seed: what an emulated model writes.

It knows types, const, enum, anyOf, oneOf, allOf of objects, $ref into the schema itself, bounds of numbers, texts and
lists, and required properties; what it makes is checked against the schema before it is handed out.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

MOST_DEPTH = 40
LONGEST_LIST = 3  # members, where no more are asked for
_WORD = re.compile(r"[^\W\d_]{3,}")


class Unanswerable(ValueError):
    """A schema that this writer cannot meet, or that is none."""


def made_from(schema: Mapping[str, Any], prompt: str, seed: int) -> Any:
    """One value that fits; raises Unanswerable."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        made = _Writer(schema, prompt, seed).value(schema, 0)
        jsonschema.Draft202012Validator(schema).validate(made)
    except (jsonschema.SchemaError, jsonschema.ValidationError, RecursionError, LookupError, TypeError) as error:
        raise Unanswerable(str(error)[:200]) from error
    return made


class _Writer:
    def __init__(self, root: Mapping[str, Any], prompt: str, seed: int) -> None:
        digest = hashlib.sha256(f"{seed}|{prompt}".encode()).digest()
        self._root, self._dice = root, random.Random(digest)
        self._words = _WORD.findall(prompt)[:200] or ["scene"]

    def value(self, found: Any, depth: int) -> Any:
        """A value for one schema."""
        if depth > MOST_DEPTH:
            raise Unanswerable("it is nested too deep")
        schema = self._resolved(found)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._dice.choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self.value(schema[key][0], depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = next(one for one in kind if one != "null") if isinstance(kind, list) and kind != ["null"] else kind
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._list(schema, depth)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return self._dice.random() < 0.5
            case "string":
                return self._text(schema)
        return None

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        """`schema` without `$ref` and `allOf`."""
        if not isinstance(schema, Mapping):
            return {}
        found: dict[str, Any] = dict(schema)
        for _ in range(MOST_DEPTH):
            if "$ref" not in found:
                break
            target: Any = self._root
            for key in str(found.pop("$ref")).removeprefix("#").strip("/").split("/"):
                target = target[key] if key else target
            found = {**target, **found}
        for part in found.pop("allOf", ()):
            more = self._resolved(part)
            properties = {**found.get("properties", {}), **more.get("properties", {})}
            required = [*found.get("required", ()), *more.get("required", ())]
            found = {**found, **more, "properties": properties, "required": required}
        return found

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        wanted = [key for key in properties if depth < MOST_DEPTH // 4 or key in schema.get("required", ())]
        wanted += [key for key in schema.get("required", ()) if key not in wanted]
        return {key: self.value(properties.get(key, {}), depth + 1) for key in wanted}

    def _list(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = int(schema.get("minItems", 1))
        most = int(schema.get("maxItems", max(least, LONGEST_LIST)))
        size = self._dice.randint(least, max(least, min(most, least + LONGEST_LIST - 1)))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(size)]

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        low = float(schema.get("minimum", schema.get("exclusiveMinimum", 0)))
        high = float(schema.get("maximum", schema.get("exclusiveMaximum", low + 10)))
        step = float(schema.get("multipleOf", 0))
        if step:
            made = math.ceil(low / step) * step
            return int(made) if whole else made
        if whole:
            above = math.floor(low) + 1 if "exclusiveMinimum" in schema else math.ceil(low)
            below = math.ceil(high) - 1 if "exclusiveMaximum" in schema else math.floor(high)
            return self._dice.randint(above, max(above, below))
        return low + (high - low) * (0.1 + 0.8 * round(self._dice.random(), 3))

    def _text(self, schema: Mapping[str, Any]) -> str:
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 10**6))
        text = " ".join(self._dice.choices(self._words, k=self._dice.randint(2, 6)))
        while len(text) < least:
            text += f" {self._dice.choice(self._words)}"
        return text[:most].ljust(least, ".")
