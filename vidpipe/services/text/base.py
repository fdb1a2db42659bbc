"""The contract of a service that writes JSON. A new adapter joins the suite in tests/contract/text_services.

One call is one purchase, answered at once; its errors mean what images.base says of them. An answer is believed only
where it fits the schema by our own check (`fitting`); `Spent` was answered and is charged all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import jsonschema

from vidpipe.domain.side_requests import Spent, TextRequest, Written
from vidpipe.errors import Refused

LONGEST_SENT = 400_000  # characters of prompt and system together
LONGEST_SCHEMA = 64 * 1024  # characters of JSON
LONGEST_ANSWER = 1024 * 1024  # characters
MOST_IMAGES = 16


class Misfit(ValueError):
    """The answer is not what the schema asks for."""


class TextService(Protocol):
    """One service; made once a process by `registry.open_text_service`, safe to use from many threads."""

    name: str

    def write(self, request: TextRequest) -> Written | Spent:
        """Buy one answer. Exactly one request leaves the process."""
        ...


def sendable(request: TextRequest) -> None:
    """Raises Refused where a request is over our own limits, or its schema is none: nothing is sent then."""
    if not request.prompt.strip() or len(request.prompt) + len(request.system) > LONGEST_SENT:
        raise Refused(f"a text is asked for with 1 to {LONGEST_SENT} characters")
    if len(request.images) > MOST_IMAGES or not 1 <= request.most_tokens <= 10**6:
        raise Refused(f"a text is asked for with at most {MOST_IMAGES} pictures, and with 1 to 1,000,000 tokens")
    try:
        if len(json.dumps(request.schema)) > LONGEST_SCHEMA:
            raise Refused(f"a schema has at most {LONGEST_SCHEMA} characters")
        jsonschema.Draft202012Validator.check_schema(request.schema)
    except (jsonschema.SchemaError, TypeError, ValueError, RecursionError) as error:
        raise Refused(f"the schema cannot be used: {str(error)[:300]}") from error


def fitting(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON of an answer that fits `schema`; raises Misfit."""
    if len(text) > LONGEST_ANSWER:
        raise Misfit(f"it has more than {LONGEST_ANSWER} characters")
    try:
        value = json.loads(text, parse_constant=_no_number)
        jsonschema.Draft202012Validator(schema).validate(value)
    except jsonschema.ValidationError as error:
        raise Misfit(f"it does not fit at {error.json_path}: {error.message[:200]}") from error
    except (ValueError, RecursionError) as error:
        raise Misfit(f"it is no JSON: {str(error)[:200]}") from error
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
