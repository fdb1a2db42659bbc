"""What a prompt asks for, read from its words: time of day, place, weather, who is there, and the camera's move.

No language model: a list of words each, the one named most often wins, and the one named first where they tie.
What the prompt leaves open is chosen from a digest of its text, so that two prompts differ and one stays itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

TIMES: Mapping[str, str] = {
    "dawn": "dawn sunrise daybreak morning early first-light",
    "day": "day daylight noon midday afternoon sunny sunlit bright",
    "dusk": "dusk sunset evening twilight sundown golden gloaming amber",
    "night": "night midnight moonlit moon moonlight starlit nocturnal dark stars starry neon",
}
PLACES: Mapping[str, str] = {
    "lighthouse": "lighthouse headland beacon",
    "harbour": "harbour harbor port dock quay pier marina wharf jetty",
    "sea": "sea ocean beach shore coast wave bay island seaside surf cliff",
    "forest": "forest wood woodland jungle grove pine clearing",
    "mountains": "mountain alp peak summit ridge valley glacier hill highland cliffside",
    "desert": "desert dune sand sahara canyon mesa oasis",
    "street": "street alley road avenue sidewalk pavement crossing market shop cafe town village square",
    "city": "city skyline metropolis downtown skyscraper rooftop urban tower",
    "room": "room interior kitchen office bedroom indoors inside cabin desk window library studio hall workshop"
    " laboratory lab table apartment corridor bar",
    "space": "space planet galaxy orbit asteroid nebula cosmos spaceship astronaut spacecraft mars lunar",
    "field": "field meadow grass prairie wheat farm farmland countryside plain garden park savanna",
    "river": "river stream lake creek waterfall brook pond canal",
    "snow": "snow snowy arctic ice frozen tundra blizzard winter",
}
WEATHERS: Mapping[str, str] = {
    "storm": "storm stormy thunder lightning thunderstorm tempest",
    "rain": "rain rainy raining drizzle downpour wet",
    "snow": "snowing snowfall snowflake blizzard snow snowy",
    "fog": "fog foggy mist misty haze hazy",
    "clouds": "cloud cloudy overcast clouded",
    "clear": "clear cloudless sunny",
}
SUBJECTS: Mapping[str, str] = {
    "person": "person man woman girl boy child detective keeper captain sailor fisherman hiker traveller traveler"
    " explorer soldier farmer hero heroine figure stranger dancer chef doctor scientist astronaut mother father"
    " king queen knight wizard monk nurse teacher student worker pilot he she her his driver walker runner"
    " mechanic painter baker guard lady gentleman friend grandmother grandfather old-man",
    "two people": "two couple pair people friends both together lovers twins sisters brothers they them children"
    " family",
    "boat": "boat sailboat yacht rowboat canoe sail sails dinghy",
    "ship": "ship ferry freighter steamer liner vessel trawler",
    "car": "car taxi automobile truck van vehicle cab sedan convertible jeep",
    "train": "train locomotive railway tram",
    "bird": "bird gull seagull crow raven eagle swallow pigeon owl birds gulls flock dove hawk",
    "dog": "dog puppy hound wolf fox",
    "cat": "cat kitten",
    "horse": "horse pony stallion rider",
    "house": "house cottage barn hut farmhouse chapel church mill",
    "tree": "tree oak willow birch",
    "rocket": "rocket shuttle spaceship starship spacecraft launch",
    "robot": "robot android machine droid",
    "balloon": "balloon airship",
}
WALKING = frozenset(
    {
        "walk",
        "walking",
        "run",
        "running",
        "stroll",
        "hurry",
        "cross",
        "climb",
        "march",
        "wander",
        "follow",
        "chase",
        "approach",
    }
)
LONG_HAIR = frozenset(
    {"woman", "girl", "she", "her", "mother", "queen", "lady", "sister", "grandmother", "heroine", "daughter"}
)
SHORT_HAIR = frozenset(
    {
        "man",
        "boy",
        "he",
        "him",
        "his",
        "father",
        "king",
        "captain",
        "sailor",
        "fisherman",
        "brother",
        "grandfather",
        "son",
        "guard",
    }
)
STILL = frozenset(
    {
        "stand",
        "standing",
        "sit",
        "sitting",
        "wait",
        "waiting",
        "look",
        "looking",
        "watch",
        "watching",
        "read",
        "lean",
        "sleep",
    }
)
CAMERA_WORDS = (
    (r"\bpan(?:s|ning)?\b", "pan"), (r"\btilt(?:s|ing)?\b", "tilt"), (r"\bzoom(?:s|ing)?\b", "zoom"),
    (r"\b(?:dolly|push(?:es)? in|pull(?:s)? back|push-in)\b", "dolly"), (r"\btrack(?:s|ing)?\b", "track"),
    (r"\b(?:crane|boom|aerial|drone)\b", "crane"), (r"\b(?:handheld|hand-held|shaky)\b", "handheld"),
    (r"\b(?:orbit|orbiting|circles? around|arc)\b", "orbit"), (r"\b(?:static|locked|still|tripod)\b", "static"),
)  # fmt: skip
CAMERA_TURN = {"pan": "right", "tilt": "up", "zoom": "in", "dolly": "in", "track": "right", "crane": "up"}
SHOTS = (
    ("establishing", ("establishing", "extreme wide", "aerial", "panorama")),
    ("close-up", ("close-up", "closeup", "close up", "face of", "portrait")),
    ("two-shot", ("two-shot", "two shot")),
    ("over-shoulder", ("over-shoulder", "over the shoulder", "over-the-shoulder")),
    ("insert", ("insert", "detail of", "macro")),
    ("medium", ("medium shot", "medium")),
    ("full", ("full shot", "full-body")),
    ("pov", ("pov", "point of view")),
    ("wide", ("wide shot", "wide")),
)


@dataclass(frozen=True)
class Wanted:
    """A scene in words that the painters know."""

    time: str  # a key of TIMES
    place: str  # a key of PLACES
    weather: str  # a key of WEATHERS
    subjects: tuple[str, ...]  # keys of SUBJECTS, most prominent first
    camera: str  # static, pan-left, ... as in the storyboard
    shot: str  # close-up, wide, ...
    long_hair: bool  # of the first person
    walks: bool  # whether people walk, or stand
    digest: int  # of the prompt's text: what it leaves open is chosen from this


def read_words(prompt: str, *, camera: str = "", shot: str = "", negative: str = "") -> Wanted:
    """The scene that `prompt` asks for; `camera` and `shot` go before the prompt's own words."""
    digest = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big")
    text = prompt.lower()
    banned = set(_tokens(negative.lower()))
    tokens = [token for token in _tokens(text) if token not in banned]
    places = _ranked(tokens, PLACES)
    subjects = _ranked(tokens, SUBJECTS)
    place = places[0] if places else _open_place(subjects, digest)
    if place == "city" and "street" in places:
        place = "street"
    weather = _weather(tokens, place, digest)
    times = _ranked(tokens, TIMES)
    time = times[0] if times else ("dusk", "day", "dawn", "day", "dusk")[digest % 5]
    framing = shot.strip().lower() or next((name for name, hints in SHOTS if any(h in text for h in hints)), "wide")
    still = any(token in STILL for token in tokens)
    return Wanted(
        time=time,
        place=place,
        weather=weather,
        subjects=_cast(subjects, place),
        camera=_camera(camera.strip().lower(), text),
        shot=framing,
        long_hair=not any(token in SHORT_HAIR for token in tokens) or any(token in LONG_HAIR for token in tokens),
        walks=any(token in WALKING for token in tokens) or (framing in ("wide", "establishing") and not still),
        digest=digest,
    )


def _tokens(text: str) -> list[str]:
    """Words, each also without a plural's ending."""
    found = re.findall(r"[a-z][a-z-]*", text)
    return [token[:-1] if len(token) > 3 and token.endswith("s") and token[-2] != "s" else token for token in found]


_STEMMED = {
    id(table): {stem: key for key, words in table.items() for stem in _tokens(words)}
    for table in (TIMES, PLACES, WEATHERS, SUBJECTS)
}


def _ranked(tokens: list[str], table: Mapping[str, str]) -> list[str]:
    """Keys of a table by how often their words appear, earliest first where they tie."""
    stems = _STEMMED[id(table)]
    count: dict[str, int] = {}
    for token in tokens:
        if token in stems:
            count[stems[token]] = count.get(stems[token], 0) + 1
    return sorted(count, key=lambda key: -count[key])


def _open_place(subjects: list[str], digest: int) -> str:
    for subject, place in (("ship", "sea"), ("boat", "sea"), ("rocket", "space"), ("car", "street")):
        if subject in subjects:
            return place
    return ("field", "mountains", "sea", "city", "river", "forest")[digest % 6]


def _weather(tokens: list[str], place: str, digest: int) -> str:
    found = _ranked(tokens, WEATHERS)
    if "storm" in found:
        return "storm"
    if found:
        return "snow" if found[0] == "snow" and "rain" not in found else found[0]
    return "snow" if place == "snow" else ("clear", "clouds", "clear")[digest // 7 % 3]


def _cast(subjects: list[str], place: str) -> tuple[str, ...]:
    if "two people" in subjects and "person" in subjects:
        subjects = [name for name in subjects if name != "person"]
    if place == "forest":
        subjects = [name for name in subjects if name != "tree"]
    return tuple(subjects[:2])


def _camera(asked: str, text: str) -> str:
    """The asked move in the storyboard's spelling; else what the prompt's words say; else static."""
    for source in (asked.replace("-", " "), text):
        for pattern, move in CAMERA_WORDS:
            if re.search(pattern, source):
                if move not in CAMERA_TURN:
                    return move
                turn = re.search(r"\b(left|right|up|down|in|out|back|away)\b", source[source.find(move[:3]) :])
                word = {"back": "out", "away": "out"}.get(turn.group(1), turn.group(1)) if turn else ""
                fits = {"pan": "left right", "track": "left right", "tilt": "up down", "crane": "up down"}
                return f"{move}-{word if word in fits.get(move, 'in out').split() else CAMERA_TURN[move]}"
        if asked:
            return "static"
    return "static"
