"""The key frames of a scene: a picture that was given, one that is drawn, or the last frame of the scene before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vidpipe.domain.side_services import Painters
from vidpipe.domain.storyboard.files import MOST_IMAGE, Folder
from vidpipe.domain.storyboard.lines import Where
from vidpipe.domain.storyboard.model import FrameSpec
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.scope import Scope
from vidpipe.domain.storyboard.text import did_you_mean, guess, listed, quote


def read_frame(
    scope: Scope, key: str, previous: str | None, folder: Folder, findings: Findings, painters: Painters, painter: str
) -> FrameSpec | None:
    """The key frame under `key` of the scene in `scope`, or None.

    `previous` is the label of the scene before it, `painter` the image service that draws where none is named.
    """
    given, where = scope.own.get(key), (*scope.where, key)
    if given is None:
        return None
    if key == "first_frame" and given == "previous":
        if previous is None:
            findings.add(where, "the first scene has no previous one", "name an image, or remove the key")
        return FrameSpec("previous", previous=previous or "")
    if isinstance(given, Mapping) and "image" not in given:
        return _drawn(given, where, findings, painters, painter)
    if isinstance(given, Mapping) and ("draw" in given or "service" in given):
        findings.add(where, "the frame has an image, and one is to be drawn", "keep image, or draw")
        return None
    text, text_where = (given, where) if isinstance(given, str) else (given.get("image"), (*where, "image"))
    if not isinstance(text, str):
        return None  # said by the schema
    if key == "first_frame" and "." not in text and guess(text, ["previous"]):
        findings.add(where, f"unknown key frame {quote(text)}", 'did you mean "previous"?')
        return None
    path = folder.find(text, text_where, most=MOST_IMAGE)
    return FrameSpec("image", path=path) if path else None


def _drawn(
    given: Mapping[str, Any], where: Where, findings: Findings, painters: Painters, painter: str
) -> FrameSpec | None:
    words = given.get("draw")
    if not given:
        return None  # said by the schema
    if not isinstance(words, str) or not words.strip():
        findings.add(where, "the frame says neither image nor draw", "name an image, or say what to draw")
        return None
    named = given.get("service", painter)
    if not isinstance(named, str):
        return None  # said by the schema
    service, _, model = named.partition("/")
    found, at = painters.get(service), (*where, "service") if "service" in given else where
    if found is None:
        remedy = partial(did_you_mean, service, painters, otherwise=f"there are {listed(painters, last='and')}")
        findings.add(at, f"no service that draws is called {quote(service)}", remedy)
        return None
    model = model or found.default_model
    if model not in found.models:
        remedy = partial(did_you_mean, model, found.models, otherwise=f"it has {listed(found.models, last='and')}")
        findings.add(at, f"{service} has no model {quote(model)}", remedy)
        return None
    return FrameSpec("drawn", prompt=words.strip(), service=service, model=model)
