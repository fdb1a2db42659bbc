"""Which protocol speaks for which adapter: one line each."""

from __future__ import annotations

from vidpipe.emulator.fal import Fal
from vidpipe.emulator.gemini import Gemini
from vidpipe.emulator.gemini_content import GeminiImages, GeminiText
from vidpipe.emulator.openai_videos import OpenAIVideos
from vidpipe.emulator.protocol import Protocol
from vidpipe.emulator.runway import Runway
from vidpipe.emulator.veo import Veo

PROTOCOLS: dict[str, type[Protocol]] = {
    "openai_videos": OpenAIVideos,
    "runway": Runway,
    "pika": Fal,
    "gemini": Gemini,
    "gemini_images": GeminiImages,
    "gemini_text": GeminiText,
    "veo": Veo,
}
ENDPOINTS = tuple(sorted({name for protocol in PROTOCOLS.values() for name in protocol.endpoints}))
