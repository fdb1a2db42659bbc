"""One scene: what it says itself, what its sequence and its film say for it, checked and made complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vidpipe.domain.catalogue import FOOTAGE, Capabilities, Catalogue, fallback_of
from vidpipe.domain.side_services import Painters
from vidpipe.domain.storyboard.auto import Film, pick, wants_rule
from vidpipe.domain.storyboard.files import MOST_FOOTAGE, Folder
from vidpipe.domain.storyboard.frames import read_frame
from vidpipe.domain.storyboard.lines import Where
from vidpipe.domain.storyboard.model import AssetSpec, FootageSpec, FrameSpec, SceneSpec, TransitionSpec
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.scope import Found, Scope, money, time_of
from vidpipe.domain.storyboard.text import did_you_mean, guess, listed, quote, seconds

DEFAULT_DURATION = 4.0  # seconds, or what the model can do that is nearest
_MEANT_SAME = 0.05  # seconds by which in, out and duration may disagree


@dataclass(frozen=True)
class Setting:
    """What is the same for all scenes of the film while they are read."""

    catalogue: Catalogue
    default_service: str
    painters: Painters  # services that draw
    painter: str  # the one that does where none is named
    film: Film  # what a choice by rule depends on
    quality_mode: bool
    assets: Mapping[str, AssetSpec]
    has_manifest: bool
    folder: Folder
    findings: Findings


@dataclass
class Draft:
    """A scene before its graph is known."""

    spec: SceneSpec
    scope: Scope
    facts: Capabilities | None
    transition_where: Where = ()
    after: list[str] = field(default_factory=list)


def read_scene(scope: Scope, label: str, previous: str | None, setting: Setting) -> Draft:
    """The scene in `scope`; `previous` is the label of the scene before it, None for the first one."""
    service, facts, chosen = _service(scope, setting)
    footage, duration = _length(scope, service, facts, setting)
    transition, transition_where = _transition(scope, previous is None, setting)
    cost = scope.find("max_cost")
    spec = SceneSpec(
        label=label,
        prompt=_prompt(scope, service, setting),
        service=service,
        model=facts.model if facts else "",
        duration=duration,
        candidates=_candidates(scope, service, setting),
        fallback=_fallback(scope, service, facts, setting),
        negative_prompt=str(scope.value("negative_prompt", "")).strip(),
        shot=scope.own.get("shot", ""),
        camera=scope.own.get("camera", ""),
        cast=_tags(scope.find("cast"), setting),
        first_frame=_frame(scope, "first_frame", previous, setting),
        last_frame=_frame(scope, "last_frame", previous, setting),
        references=_tags(scope.find("references"), setting),
        footage=footage,
        transition=transition,
        seed=None if scope.own.get("seed") is None else int(scope.own["seed"]),
        critical=scope.value("critical", True),
        max_takes=int(scope.value("max_takes", 12)),
        max_cost=None if cost is None else money(cost.value),
        chosen=chosen,
    )
    return Draft(spec, scope, facts, transition_where)


def _service(scope: Scope, setting: Setting) -> tuple[str, Capabilities | None, str]:
    """The service, the model that belongs to it, and the reason where the rules chose them."""
    by_rule = None if "footage" in scope.own else wants_rule(scope, setting.default_service)
    if by_rule is None:
        return *_named(scope, setting), ""
    model = scope.find("model")
    if model is not None and model.level <= by_rule.level:
        what = f"the model {quote(model.value)} is named, but its service is to be chosen by rule"
        setting.findings.add(model.where, what, "name the service too, or remove the model")
        return "", None, ""
    facts, reason = pick(scope, setting.catalogue, setting.film)
    if facts is None:
        setting.findings.add(by_rule.where or scope.where, reason, "name a service, or ask for less", missing=True)
        return "", None, ""
    return facts.service, facts, reason


def _named(scope: Scope, setting: Setting) -> tuple[str, Capabilities | None]:
    """The service, and the model that belongs to it: one named with it or nearer, else its default one."""
    found = scope.find("service")
    if "footage" in scope.own and (found is None or found.level > 0):
        found = Found(FOOTAGE, (*scope.where, "footage"), 0)
    if found is None:
        found = Found(setting.default_service, (), len(scope.levels))
    service = setting.catalogue.get(found.value)
    if service is None:
        what = (
            f"unknown service {quote(found.value)}"
            if found.where
            else f"the default service {quote(found.value)} is unknown"
        )
        known = listed(setting.catalogue, most=20)
        setting.findings.add(
            found.where, what, did_you_mean(found.value, setting.catalogue, otherwise=f"there are {known}")
        )
        return str(found.value), None
    model = scope.find("model")
    if model is None or model.level > found.level:
        return service.name, service.models[service.default_model]
    if model.value in service.models:
        return service.name, service.models[model.value]
    owners = [one.name for one in setting.catalogue.values() if model.value in one.models]
    remedy = f"it is one of {owners[0]}: set service to {owners[0]}" if owners else ""
    remedy = remedy or did_you_mean(model.value, service.models, otherwise=f"it has {listed(service.models)}")
    setting.findings.add(model.where, f"{service.name} has no model {quote(model.value)}", remedy)
    return service.name, None


def _prompt(scope: Scope, service: str, setting: Setting) -> str:
    prompt = str(scope.own.get("prompt", "")).strip()
    if prompt or service == FOOTAGE or (*scope.where, "prompt") in setting.findings.faulty:
        return prompt
    if "prompt" in scope.own:
        setting.findings.add((*scope.where, "prompt"), "the prompt is blank", "say what is to be seen")
        return prompt
    unknown = (key for key in setting.findings.document.keys_at(scope.where) if key not in scope.own)
    if not any(guess(key, ["prompt"]) for key in unknown):
        remedy = "say what is to be seen, or name the filmed file with footage"
        setting.findings.add(scope.where, 'missing key "prompt"', remedy, missing=True)
    return prompt


def _length(
    scope: Scope, service: str, facts: Capabilities | None, setting: Setting
) -> tuple[FootageSpec | None, float]:
    """The footage, if it is a filmed scene, and the scene's duration in seconds."""
    footage = _footage(scope, service, setting)
    found = scope.find("duration")
    if footage is not None and footage.end is not None:
        duration = footage.end - footage.start
        if found is not None and found.level == 0 and abs(found.value - duration) > _MEANT_SAME:
            apart = seconds(round(duration, 3))
            what = f"the duration is {seconds(found.value)}, but in and out are {apart} apart"
            setting.findings.add(found.where, what, "remove one of them")
        found = Found(duration, (*scope.where, "footage"), 0)
    elif found is None:
        usual = facts.nearest_duration(DEFAULT_DURATION) if facts else DEFAULT_DURATION
        found = Found(usual, scope.where, len(scope.levels))
    duration = float(found.value)
    if facts is not None and not facts.can_last(duration):
        what = f"{facts.model} can't make a clip of {seconds(round(duration, 3))}"
        setting.findings.add(found.where, what, f"it makes {facts.lasts()}")
    if footage is not None and footage.end is None:
        footage = FootageSpec(footage.path, footage.start, footage.start + duration, footage.fit)
    return footage, duration


def _footage(scope: Scope, service: str, setting: Setting) -> FootageSpec | None:
    given, where = scope.own.get("footage"), (*scope.where, "footage")
    if given is None:
        if service == FOOTAGE and where not in setting.findings.faulty:
            setting.findings.add(
                scope.where, "a scene of service footage names no file", "add footage: path", missing=True
            )
        return None
    if service != FOOTAGE:
        what = f"footage is for scenes of service footage; this one has {quote(service)}"
        setting.findings.add(where, what, "remove one of the two")
        return None
    cut: Mapping[str, Any] = {"file": given} if isinstance(given, str) else given
    if not isinstance(cut.get("file"), str):
        return None  # said by the schema
    file_where = where if isinstance(given, str) else (*where, "file")
    path = setting.folder.find(cut["file"], file_where, most=MOST_FOOTAGE)
    start = time_of(cut.get("in", 0.0))
    end = None if cut.get("out") is None else time_of(cut["out"])
    if end is not None and end <= start:
        what = f"the footage ends at {seconds(end)}, not after it begins ({seconds(start)})"
        setting.findings.add((*where, "out"), what, "set out behind in")
        end = None
    return FootageSpec(path or Path(), start, end, "crop" if cut.get("fit") == "crop" else "pad")


def _candidates(scope: Scope, service: str, setting: Setting) -> int:
    """1 without quality mode, and of footage, which is the same every time."""
    found = scope.find("candidates", "candidate_count")
    asked = 1 if found is None else int(found.value)
    if service == FOOTAGE:
        if found is not None and found.level == 0 and asked > 1:
            setting.findings.add(found.where, "footage comes in one candidate", "remove the key")
        return 1
    return asked if setting.quality_mode else 1


def _fallback(scope: Scope, service: str, facts: Capabilities | None, setting: Setting) -> str:
    """The fallback, unless it was set for all scenes and has no meaning for this one."""
    found = scope.find("fallback")
    if found is None:
        return ""
    name, _, model = str(found.value).partition("/")
    known = f"there are {listed(setting.catalogue, most=20)}"
    if name == FOOTAGE:
        setting.findings.add(found.where, "footage can't be a fallback", "name a service that makes clips")
    elif name not in setting.catalogue:
        setting.findings.add(
            found.where, f"unknown service {quote(name)}", did_you_mean(name, setting.catalogue, otherwise=known)
        )
    elif fallback_of(setting.catalogue, str(found.value)) is None:
        models = setting.catalogue[name].models
        remedy = did_you_mean(model, models, otherwise=f"it has {listed(models)}")
        setting.findings.add(found.where, f"{name} has no model {quote(model)}", remedy)
    elif service == FOOTAGE:
        if found.level == 0:
            setting.findings.add(found.where, "a filmed scene has nothing to fall back to", "remove the key")
    elif fallback_of(setting.catalogue, str(found.value)) == facts:
        if found.level == 0:
            setting.findings.add(found.where, "the fallback is the scene's own service", "name another one")
    else:
        return str(found.value)
    return ""


def _transition(scope: Scope, is_first: bool, setting: Setting) -> tuple[TransitionSpec, Where]:
    found = scope.find("transition")
    if found is None or not isinstance(found.value, dict) or "crossfade" not in found.value:
        return TransitionSpec(), ()
    if is_first:
        if found.level == 0:
            setting.findings.add(found.where, "the first scene has nothing to fade from", "remove the key")
        return TransitionSpec(), ()
    return TransitionSpec("crossfade", float(found.value["crossfade"])), found.where


def _tags(found: Found | None, setting: Setting) -> tuple[str, ...]:
    """Tags that the manifest knows, each once."""
    if found is None:
        return ()
    tags: Sequence[str] = [tag for tag in dict.fromkeys(found.value) if tag is not None]
    for number, tag in enumerate(found.value):
        if tag is None or tag in setting.assets:
            continue
        if not setting.has_manifest:
            setting.findings.add(
                found.where, f"there is no manifest for {tag} to be in", "add manifest with name and assets"
            )
            break
        known = listed(setting.assets) if setting.assets else "none at all"
        remedy = partial(did_you_mean, tag, setting.assets, otherwise=f"it has {known}")
        setting.findings.add((*found.where, number), f"the manifest has no asset {quote(tag)}", remedy)
    return tuple(tags)


def _frame(scope: Scope, key: str, previous: str | None, setting: Setting) -> FrameSpec | None:
    return read_frame(scope, key, previous, setting.folder, setting.findings, setting.painters, setting.painter)
