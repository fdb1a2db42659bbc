"""Google's image models on the Gemini API, behind `generate_content`, through the vendor's SDK (google-genai 3.4.0).

Exactly one POST leaves a drawing: retries are off, and so is `automatic_continuation`, with which the SDK sends further
billed ones by itself (models.py, generate_content). What an answer other than 200 means stands in gemini_api. Of a 200:

    a picture among the parts    Drawn    the last one that is no thought (types.py, Part.thought)
    promptFeedback.blockReason   Refused  policy: nothing was generated (types.py, BlockedReason)
    a finishReason of BLOCKED    Refused  policy: no picture, and it is pictures that are charged
    no picture, or none that can Spent    NO_IMAGE, OTHER, ...; it was generated for, and may be charged
    be decoded
    no JSON, no candidates       Uncertain
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.genai.types import (
    AutomaticFunctionCallingConfig,
    GenerateContentConfig,
    HttpOptions,
    ImageConfig,
    Part,
)

from vidpipe.domain.side_requests import Drawn, ImageRequest, Spent
from vidpipe.domain.side_services import read_image_services
from vidpipe.errors import Refused
from vidpipe.services.google import gemini_api
from vidpipe.services.images.base import KINDS, MOST_PIXELS
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire.fetching import save, whole_file
from vidpipe.services.wire.pictures import NoPicture, examined, lean

MOST_REFERENCES = 14  # that any of its models is known to take; each model's own limit is the registry's
LONGEST_SIDE = 2048  # pixels of a reference
ANSWER_LIMIT = 96 * 1024 * 1024  # bytes: a picture of 4K in Base64, with room


class GeminiImages:
    """A service that draws (`images.base`); safe in many threads."""

    def __init__(self, name: str, url: str, key: str, *, timeout: float) -> None:
        """`url` as the SDK's base_url, without a version; `timeout` in seconds."""
        self.name = name
        self._buyer: Any = gemini_api.client(url, key, timeout=timeout, tries=1, limit=ANSWER_LIMIT)

    def draw(self, request: ImageRequest, dest: Path) -> Drawn | Spent:
        """Buy: one POST, no retries."""
        if len(request.references) > MOST_REFERENCES:
            raise Refused(f"{self.name} takes {MOST_REFERENCES} references at most")
        pictures = [lean(one.path, LONGEST_SIDE) for one in request.references]
        parts = [Part.from_bytes(data=one, mime_type="image/png") for one in pictures]
        answer = gemini_api.generated(
            self._buyer, self.name, model=request.model, contents=[*parts, Part(text=request.prompt)],
            config=GenerateContentConfig(
                response_modalities=["IMAGE"],
                image_config=ImageConfig(aspect_ratio=request.aspect, image_size=request.resolution),
                seed=None if request.seed is None else request.seed % 2**31,
                automatic_continuation=False,
                automatic_function_calling=AutomaticFunctionCallingConfig(disable=True),
                http_options=HttpOptions(headers={"x-client-request-id": request.token}),
            ),
        )  # fmt: skip
        return self._kept(answer, dest)

    def _kept(self, answer: gemini_api.Answer, dest: Path) -> Drawn | Spent:
        found = [part.inline_data for part in answer.parts if part.inline_data is not None and not part.thought]
        if not found:
            reason = f"{self.name} gave no picture: {answer.reason}"
            if answer.blocked:
                raise Refused(reason, kind="policy")
            return Spent(reason, model_version=answer.model_version, usage=answer.usage)
        data = found[-1].data or b""
        try:
            mime, width, height = examined(data, kinds=KINDS, most_pixels=MOST_PIXELS)
            if mime != found[-1].mime_type:
                raise NoPicture(f"it is {mime}, and not {str(found[-1].mime_type)[:60]!r}")
        except NoPicture as error:
            reason = f"{self.name} gave a picture that cannot be used: {error}"
            return Spent(reason, model_version=answer.model_version, usage=answer.usage)
        with whole_file(dest) as part:
            save([data], part, announced=len(data))
        return Drawn(mime, width, height, answer.model_version, answer.usage)


def open_service(opening: Opening) -> GeminiImages:
    """The adapter; url is its option. Raises SetupError where its address or key cannot be used."""
    opening.options(url=str)
    url = address(opening.name, opening.url or gemini_api.HOST)
    # A call is over when its answer is made: that takes longer than an order does, by the registry's figures.
    models = read_image_services({opening.name: opening.entry})[opening.name].models
    return GeminiImages(opening.name, url, opening.key(), timeout=max(one.timeout_seconds for one in models.values()))
