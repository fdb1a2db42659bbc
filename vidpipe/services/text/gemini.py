"""Google's text models on the Gemini API, behind `generate_content` with a JSON schema (google-genai 3.4.0).

Exactly one POST leaves a call, as images/gemini says, and what an answer other than 200 means stands in gemini_api. A
200 is Written where it ended with STOP and fits the schema. All else that was counted is charged, and so is Spent:
blocked (policy), cut at its limit of tokens, no JSON, or JSON that does not fit. Blocked without a count is Refused.
"""

from __future__ import annotations

from typing import Any

from google.genai.types import AutomaticFunctionCallingConfig, GenerateContentConfig, HttpOptions, Part

from vidpipe.domain.side_requests import Spent, TextRequest, Written
from vidpipe.domain.side_services import read_text_services
from vidpipe.errors import Refused
from vidpipe.services.google import gemini_api
from vidpipe.services.opening import Opening, address
from vidpipe.services.text.base import Misfit, fitting
from vidpipe.services.wire.pictures import lean

LONGEST_SIDE = 1024  # pixels of a picture that is looked at
ANSWER_LIMIT = 8 * 1024 * 1024  # bytes


class GeminiText:
    """A service that writes (`text.base`); safe in many threads."""

    def __init__(self, name: str, url: str, key: str, *, timeout: float) -> None:
        """`url` as the SDK's base_url, without a version; `timeout` in seconds."""
        self.name = name
        self._buyer: Any = gemini_api.client(url, key, timeout=timeout, tries=1, limit=ANSWER_LIMIT)

    def write(self, request: TextRequest) -> Written | Spent:
        """Buy: one POST, no retries."""
        pictures = [lean(path, LONGEST_SIDE) for path in request.images]
        parts = [Part.from_bytes(data=one, mime_type="image/png") for one in pictures]
        answer = gemini_api.generated(
            self._buyer, self.name, model=request.model, contents=[*parts, Part(text=request.prompt)],
            config=GenerateContentConfig(
                system_instruction=request.system or None,
                response_mime_type="application/json",
                response_json_schema=dict(request.schema),
                max_output_tokens=request.most_tokens,
                seed=None if request.seed is None else request.seed % 2**31,
                automatic_continuation=False,
                automatic_function_calling=AutomaticFunctionCallingConfig(disable=True),
                http_options=HttpOptions(headers={"x-client-request-id": request.token}),
            ),
        )  # fmt: skip
        return self._read(answer, request)

    def _read(self, answer: gemini_api.Answer, request: TextRequest) -> Written | Spent:
        if answer.blocked and answer.usage is None:
            raise Refused(f"{self.name} wrote nothing: {answer.reason}", kind="policy")
        try:
            if answer.finish != "stop":
                raise Misfit(answer.reason)
            text = "".join(part.text for part in answer.parts if isinstance(part.text, str) and not part.thought)
            return Written(fitting(text, request.schema), answer.model_version, answer.usage)
        except Misfit as error:
            reason = f"{self.name} wrote what cannot be used: {error}"
            return Spent(reason, "policy" if answer.blocked else "broken", answer.model_version, answer.usage)


def open_service(opening: Opening) -> GeminiText:
    """The adapter; url is its option. Raises SetupError where its address or key cannot be used."""
    opening.options(url=str)
    url = address(opening.name, opening.url or gemini_api.HOST)
    # A call is over when its answer is made: that takes longer than an order does, by the registry's figures.
    models = read_text_services({opening.name: opening.entry})[opening.name].models
    return GeminiText(opening.name, url, opening.key(), timeout=max(one.timeout_seconds for one in models.values()))
