"""The whole film: its settings, its manifest, its scenes in order, and which of them waits for which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

from vidpipe.domain.catalogue import SAME, Catalogue
from vidpipe.domain.side_services import Painters
from vidpipe.domain.storyboard.auto import Film, wants_rule, weight
from vidpipe.domain.storyboard.files import MOST_IMAGE, Folder
from vidpipe.domain.storyboard.graph import circle_in_words, find_cycle, letters, same
from vidpipe.domain.storyboard.lines import Where
from vidpipe.domain.storyboard.model import ASSET_KINDS, AssetSpec, ManifestSpec, SequenceSpec, Storyboard
from vidpipe.domain.storyboard.places import Places
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.scene import Draft, Setting, read_scene
from vidpipe.domain.storyboard.scope import Scope, money
from vidpipe.domain.storyboard.text import did_you_mean, listed, quote, seconds

MAX_SCENES = 500
_KIND_OF = dict(zip(("CHAR", "OBJ", "ENV", "PROP", "VEH", "STYLE"), ASSET_KINDS, strict=True))
_OLD = ("title", "fps", "audio", "select", "on_budget", "on_uncertain")  # taken over as they stand


@dataclass(frozen=True)
class _Part:
    """A sequence before its scenes are read."""

    title: str
    where: Where
    values: Mapping[str, Any]
    scenes_where: Where


@dataclass(frozen=True)
class World:
    """What a storyboard is read against: the services, which of them are not set up, and the day."""

    catalogue: Catalogue
    default_service: str
    painters: Painters
    painter: str  # who draws where a storyboard names nobody
    lacking: Mapping[str, tuple[str, ...]]
    today: date


def build(values: Mapping[str, Any], world: World, folder: Folder, findings: Findings) -> tuple[Storyboard, Places]:
    """The storyboard of `values` (which the schema found sound), and where its scenes stand.

    What is wrong goes to `findings`; only where there is nothing may the film be made.
    """
    width, height = _size(values, findings)
    manifest = _manifest(values, folder, findings)
    quality_mode = bool(values.get("quality_mode", False))
    parts = list(_parts(values, findings))
    scopes = [scope for part in parts for scope in _scopes(part, values)]
    setting = Setting(
        catalogue=world.catalogue,
        default_service=world.default_service,
        painters=world.painters,
        painter=world.painter,
        film=Film(
            width=width,
            height=height,
            fps=int(values.get("fps", 24)),
            audio=bool(values.get("audio", True)),
            budget=_budget(values),
            quality_mode=quality_mode,
            pictured=frozenset(asset.tag for asset in manifest.assets if asset.images) if manifest else frozenset(),
            scenes=sum(wants_rule(scope, world.default_service) is not None for scope in scopes),
            seconds=sum(weight(scope, quality_mode) for scope in scopes),
            lacking=world.lacking,
            today=world.today,
        ),
        quality_mode=quality_mode,
        assets={asset.tag: asset for asset in manifest.assets} if manifest else {},
        has_manifest=manifest is not None or ("manifest",) in findings.faulty,
        folder=folder,
        findings=findings,
    )
    groups = _read_parts(parts, values, setting)
    drafts = [draft for _, part_drafts in groups for draft in part_drafts]
    plain = {key: values[key] for key in _OLD if key in values}
    film = replace(
        Storyboard(title="", sequences=()),
        **plain | {"title": " ".join(str(values.get("title", "")).split()), "fps": int(values.get("fps", 24))},
        width=width,
        height=height,
        quality_mode=setting.quality_mode,
        candidate_count=_count(values, findings),
        seed=int(values.get("seed", 1)),
        budget=_budget(values),
        weights=_weights(values, findings),
        manifest=manifest,
    )
    _check_labels(drafts, findings)
    _check_fades(drafts, findings)
    _check_models(drafts, film, findings)
    _order(drafts, film, findings)
    sequences = tuple(SequenceSpec(part.title, tuple(draft.spec for draft in found)) for part, found in groups)
    places = Places(findings.document, {draft.spec.label: draft.scope for draft in drafts})
    return replace(film, sequences=sequences), places


def _size(values: Mapping[str, Any], findings: Findings) -> tuple[int, int]:
    given = values.get("size", "1280x720")
    if isinstance(given, dict):
        return int(given.get("width", 1280)), int(given.get("height", 720))
    width, height = (int(part) for part in re.split("[xX×]", given))
    if width % 2 or height % 2:
        findings.add(
            ("size",),
            f"the size {width}x{height} has an odd number",
            f"{width // 2 * 2}x{height // 2 * 2} would do",
        )
    if not (16 <= width <= 7680 and 16 <= height <= 7680):
        findings.add(("size",), f"the size {width}x{height} can't be made", "each side has 16 to 7,680 pixels")
    return width, height


def _count(values: Mapping[str, Any], findings: Findings) -> int:
    first, second = values.get("candidates"), values.get("candidate_count")
    if first is not None and second is not None and first != second:
        findings.add(("candidate_count",), "candidates and candidate_count say different things", "keep one of them")
    return int(first or second or 1)


def _budget(values: Mapping[str, Any]) -> Decimal | None:
    return None if values.get("budget") is None else money(values["budget"])


def _weights(values: Mapping[str, Any], findings: Findings) -> tuple[tuple[str, float], ...]:
    given = values.get("weights") or {}
    if given and not any(given.values()):
        findings.add(("weights",), "all weights are 0", "give one of them some weight")
    return tuple(sorted((name, float(weight)) for name, weight in given.items()))


def _manifest(values: Mapping[str, Any], folder: Folder, findings: Findings) -> ManifestSpec | None:
    given = values.get("manifest")
    if given is None:
        return None
    assets: dict[str, AssetSpec] = {}
    for number, raw in enumerate(given.get("assets") or ()):
        where: Where = ("manifest", "assets", number)
        if not isinstance(raw, dict) or "tag" not in raw:
            continue  # said by the schema
        tag = raw["tag"]
        if tag in assets:
            findings.add(
                (*where, "tag"),
                f"the tag {tag} is taken by {quote(assets[tag].name)}",
                "give this one another number",
            )
            continue
        kind = _KIND_OF[tag.partition("_")[0]]
        if raw.get("kind", kind) != kind:
            findings.add(
                (*where, "kind"),
                f"the tag {tag} says {kind}, not {raw['kind']}",
                "remove the kind or change the tag",
            )
        images = (
            folder.find(image, (*where, "images", at), most=MOST_IMAGE)
            for at, image in enumerate(raw.get("images") or ())
            if isinstance(image, str)
        )
        name = " ".join(str(raw.get("name", tag)).split())
        found = tuple(image for image in images if image is not None)
        assets[tag] = AssetSpec(tag, kind, name, str(raw.get("description", "")).strip(), found)
    return ManifestSpec(" ".join(str(given.get("name", "")).split()), tuple(assets.values()))


def _parts(values: Mapping[str, Any], findings: Findings) -> Iterator[_Part]:
    if "scenes" in values and "sequences" in values:
        findings.add(("scenes",), "scenes stand both here and in sequences", "put them all into sequences")
    elif "scenes" in values:
        yield _Part(" ".join(str(values.get("title", "")).split()), (), values, ("scenes",))
        return
    elif "sequences" not in values and not {("scenes",), ("sequences",)} & findings.faulty:
        findings.add((), "the film has no scenes", "list them under scenes, or under sequences", missing=True)
    for number, raw in enumerate(values.get("sequences") or ()):
        if isinstance(raw, dict):
            where: Where = ("sequences", number)
            title = " ".join(str(raw.get("title", "")).split()) or f"Sequence {number + 1}"
            yield _Part(title, where, raw, (*where, "scenes"))


def _scopes(part: _Part, values: Mapping[str, Any]) -> Iterator[Scope]:
    """The scenes of a part, as far as they are any, with what their sequence and their film say for them."""
    above: list[tuple[Where, Mapping[str, Any]]] = [(part.where, part.values)] if part.where else [((), {})]
    for at, raw in enumerate(part.values.get("scenes") or ()):
        if isinstance(raw, dict):  # the schema has said what else it is
            yield Scope((((*part.scenes_where, at), raw), *above, ((), values)))


def _read_parts(parts: list[_Part], values: Mapping[str, Any], setting: Setting) -> list[tuple[_Part, list[Draft]]]:
    groups: list[tuple[_Part, list[Draft]]] = []
    total, previous = 0, None
    for part in parts:
        drafts: list[Draft] = []
        number = part.where[1] + 1 if part.where and isinstance(part.where[1], int) else 1
        scopes = {scope.where: scope for scope in _scopes(part, values)}
        for at in range(len(part.values.get("scenes") or ())):
            total += 1
            if total == MAX_SCENES + 1:
                setting.findings.add((*part.scenes_where, at), f"this is scene {total:,}", f"{MAX_SCENES} are the most")
            scope = scopes.get((*part.scenes_where, at))
            if scope is None or total > MAX_SCENES:
                continue
            label = " ".join(str(scope.own.get("label", "")).split()) or f"Shot {number}{letters(at)}"
            drafts.append(read_scene(scope, label, previous, setting))
            previous = label
        groups.append((part, drafts))
    return groups


def _check_labels(drafts: list[Draft], findings: Findings) -> None:
    first: dict[str, Draft] = {}
    for draft in drafts:
        other = first.setdefault(same(draft.spec.label), draft)
        if other is draft:
            continue
        line = findings.document.line((*other.scope.where, "label"))
        own = "label" in draft.scope.own
        where = (*draft.scope.where, "label") if own else draft.scope.where
        what = f"two scenes are called {quote(draft.spec.label)}"
        findings.add(where, what, f"the other one is on line {line}; labels are unique, whatever their case")


def _check_fades(drafts: list[Draft], findings: Findings) -> None:
    for before, draft in pairwise(drafts):
        fade = draft.spec.transition
        shorter = min((before.spec, draft.spec), key=lambda spec: spec.duration)
        if fade.kind == "crossfade" and fade.seconds > shorter.duration / 2 + SAME:
            length = f"{quote(shorter.label)} ({seconds(shorter.duration)})"
            what = f"a cross-fade of {seconds(fade.seconds)} takes more than half of {length}"
            remedy = f"{seconds(shorter.duration / 2)} would do"
            findings.add((*draft.transition_where, "crossfade"), what, remedy)


def _check_models(drafts: list[Draft], film: Storyboard, findings: Findings) -> None:
    """What the film asks of every model it uses, once a model."""
    for facts in dict.fromkeys(draft.facts for draft in drafts):
        if facts is None:
            continue
        size = (film.width, film.height)
        if ("size",) not in findings.faulty and not facts.can_size(*size):
            remedy = f"it makes {facts.sizes_in_words()}"
            findings.add(("size",), f"{facts.model} can't make {size[0]}x{size[1]}", remedy, missing=True)
        if not facts.can_rate(film.fps):
            rates = listed(facts.frame_rates) if facts.frame_rates else "1 to 60"
            findings.add(
                ("fps",),
                f"{facts.model} can't make {film.fps} frames a second",
                f"it makes {rates}",
                missing=True,
            )


def _order(drafts: list[Draft], film: Storyboard, findings: Findings) -> None:
    """Fill in what each scene waits for, and refuse circles."""
    labels = {same(draft.spec.label): draft.spec.label for draft in drafts}
    previous = ""
    for draft in drafts:
        draft.after = _waits_for(draft, labels, previous if film.manifest else "", findings)
        frame = draft.spec.first_frame
        if frame is not None and frame.previous and frame.previous not in draft.after:
            draft.after.append(frame.previous)
        draft.spec = replace(draft.spec, after=tuple(draft.after))
        previous = draft.spec.label
    cycle = find_cycle({draft.spec.label: draft.after for draft in drafts})
    if cycle:
        in_cycle = [draft for draft in drafts if draft.spec.label in cycle]
        draft = next((one for one in in_cycle if "after" in one.scope.own), in_cycle[0])
        start = cycle.index(draft.spec.label)
        turned = [*cycle[start:-1], *cycle[: start + 1]]
        words = f"{quote(turned[0])} waits for itself" if len(turned) == 2 else circle_in_words(turned)
        findings.add((*draft.scope.where, "after"), f"scenes wait in a circle: {words}", "break it at one of them")


def _waits_for(draft: Draft, labels: Mapping[str, str], by_default: str, findings: Findings) -> list[str]:
    given, where = draft.scope.own.get("after"), (*draft.scope.where, "after")
    if given is None:
        return [by_default] if by_default and where not in findings.faulty else []
    found: list[str] = []
    for number, word in enumerate([given] if isinstance(given, str) else given):
        if word is None:
            continue  # said by the schema
        label = labels.get(same(word))
        if label is None:
            at = where if isinstance(given, str) else (*where, number)
            known = f"there are {listed(labels.values(), last='and')}"
            remedy = partial(did_you_mean, word, labels.values(), otherwise=known)
            findings.add(at, f"no scene is called {quote(word)}", remedy)
        elif label not in found:
            found.append(label)
    return found
