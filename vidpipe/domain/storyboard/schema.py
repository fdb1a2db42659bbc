"""The published JSON Schema applied, its errors said in plain words.

What is wrong is taken out of a copy of the values (`sound`), so that the checks that come after can speak of
all the rest and nothing is said twice.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from vidpipe.domain.storyboard.lines import Where
from vidpipe.domain.storyboard.problems import Findings
from vidpipe.domain.storyboard.text import did_you_mean, guess, listed, plain, quote
from vidpipe.settings import config_file

MOST_ERRORS = 1000


@dataclass(frozen=True)
class Fault:
    """One rule of the schema that one value breaks."""

    where: Where
    rule: str  # type, maximum, required, ...
    value: Any  # of the rule
    instance: Any  # what breaks it
    schema: Mapping[str, Any]
    message: str


@cache
def schema() -> dict[str, Any]:
    """The schema as published."""
    found: dict[str, Any] = json.loads(config_file("storyboard.schema.json").read_text(encoding="utf-8"))
    return found


def sound(values: Any, findings: Findings) -> dict[str, Any]:
    """`values` without what the schema forbids; each fault is added to `findings`."""
    errors = list(islice(Draft202012Validator(schema()).iter_errors(values), MOST_ERRORS))
    kept = copy.deepcopy(values) if isinstance(values, dict) else {}
    for error in errors:
        for one in _innermost(error):
            _say(_fault(one), findings)
    for where in sorted(findings.faulty, key=len, reverse=True):
        _take_out(kept, where)
    return kept


def _take_out(values: Any, where: Where) -> None:
    """Remove what stands at `where`; an entry of a list becomes None: the others keep their numbers."""
    if not where:
        return
    for step in where[:-1]:
        inside = step in values if isinstance(values, dict) else isinstance(values, list) and step in range(len(values))
        if not inside:
            return
        values = values[step]
    last = where[-1]
    if isinstance(values, dict):
        values.pop(last, None)
    elif isinstance(values, list) and isinstance(last, int) and last < len(values):
        values[last] = None


def _innermost(error: ValidationError) -> Iterable[ValidationError]:
    """Of a choice (`anyOf`), the errors of the one branch that was meant, if one has the right type."""
    if error.validator != "anyOf" or not error.context:
        return [error]
    wrong_type = {one.schema_path[0] for one in error.context if one.validator in ("type", "enum") and not one.path}
    meant = [one for one in error.context if one.schema_path[0] not in wrong_type]
    if not meant or any(one.validator == "pattern" for one in meant):
        return [error]
    return [inner for one in meant for inner in _innermost(one)]


def _fault(error: ValidationError) -> Fault:
    rules: Any = error.schema
    return Fault(
        where=tuple(error.absolute_path),
        rule=str(error.validator),
        value=error.validator_value,
        instance=error.instance,
        schema=rules if isinstance(rules, Mapping) else {},
        message=error.message,
    )


def _say(fault: Fault, findings: Findings) -> None:
    if fault.rule == "additionalProperties":
        _unknown_keys(fault, findings)
    elif fault.rule == "required":
        _missing_keys(fault, findings)
    else:
        last = fault.where[-1] if fault.where else "a film"
        what, remedy = _WORDS.get(fault.rule, _otherwise)(fault, last if isinstance(last, str) else "this")
        findings.add(fault.where, what, remedy)


def _unknown_keys(fault: Fault, findings: Findings) -> None:
    known = [name for name in fault.schema["properties"] if name != "$schema"]
    free = [name for name in known if name not in fault.instance]
    thing = fault.schema.get("x-thing", "this")

    def remedy(key: str) -> str:
        return did_you_mean(key, free) or _elsewhere(key, thing) or f"{thing} takes {listed(known, most=40)}"

    for key in fault.instance:
        if key not in fault.schema["properties"] and (fault.where or not key.startswith("x-")):
            findings.add((*fault.where, key), f"unknown key {quote(key)}", partial(remedy, key))


def _elsewhere(key: str, thing: str) -> str:
    """Where a key that stands in the wrong place belongs, misspelt or not."""
    owners: dict[str, list[str]] = {}
    for place in (schema()["$defs"]["scene"], schema(), *schema()["$defs"].values()):
        meant = guess(key, place.get("properties", ()))
        if meant is not None and place.get("x-thing", thing) != thing:
            owners.setdefault(meant, []).append(place["x-thing"])
    meant = key if key in owners else next(iter(owners), None)
    if meant is None:
        return ""
    where = listed(dict.fromkeys(owners[meant]))
    return f"it belongs to {where}" if meant == key else f'did you mean "{meant}", which belongs to {where}?'


def _missing_keys(fault: Fault, findings: Findings) -> None:
    """Only those that no misspelt key was meant to be."""
    missing = [key for key in fault.value if key not in fault.instance]
    unknown = [key for key in fault.instance if key not in fault.schema["properties"]]
    for key in missing:
        if key not in {guess(word, [key]) for word in unknown}:
            thing = fault.schema.get("x-thing", "this")
            findings.add(fault.where, f"missing key {quote(key)}", f"{thing} needs one", missing=True)


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys and values",
}


def _type(fault: Fault, name: str) -> tuple[str, str]:
    wanted = _TYPES[str(fault.value)]
    if fault.instance is None:
        return f"{name} has no value", f"give it {wanted} or remove the key"
    remedy = ""
    if isinstance(fault.instance, str):
        digits = fault.instance.strip().rstrip("sx% ").removesuffix("fp").strip()
        if wanted.endswith("number") and digits.replace(".", "", 1).isascii() and digits.replace(".", "", 1).isdigit():
            remedy = f"write {digits[:20]} without quotes or unit"
        elif wanted == "true or false" and fault.instance.lower() in ("yes", "on", "y", "no", "off", "n"):
            remedy = f"write {'true' if fault.instance.lower() in ('yes', 'on', 'y') else 'false'}"
        elif wanted == "a list":
            remedy = f"write [{plain(fault.instance, most=40)}]"
    elif wanted == "text" and isinstance(fault.instance, (int, float)):
        remedy = "put it between quotes"
    return f"{wanted} is wanted here, not {kind_in_words(fault.instance)}", remedy


def kind_in_words(value: Any) -> str:
    """The text "abc", the number 3, a list, ..."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {plain(value, most=30)}"
    if isinstance(value, str):
        return f"the text {quote(value, most=40)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _choice(fault: Fault, name: str) -> tuple[str, str]:
    known = [str(one) for one in fault.value]
    if isinstance(fault.instance, str):
        remedy = did_you_mean(fault.instance, known, otherwise=f"it can be {listed(known, most=20)}")
        return f"unknown {name} {quote(fault.instance)}", remedy
    return f"{name} is {kind_in_words(fault.instance)}", f"it can be {listed(known, most=20)}"


def _range(fault: Fault, name: str) -> tuple[str, str]:
    rules = fault.schema
    above = rules.get("exclusiveMinimum")
    least, most = rules.get("minimum", above), rules.get("maximum")
    words = f"more than {above:,} and at most {most:,}" if above is not None else f"{least:,} to {most:,}"
    return f"{plain(fault.instance, most=30)} is out of range", f"{name} can be {words}"


def _length(fault: Fault, name: str) -> tuple[str, str]:
    return f"a text of {len(fault.instance):,} characters", f"{fault.value:,} are the most for {name}"


def _items(fault: Fault, name: str) -> tuple[str, str]:
    if fault.rule == "minItems":
        return f"there are no {name}", "a film needs at least one scene" if name in (
            "scenes",
            "sequences",
        ) else ""
    return f"there are {len(fault.instance):,} {name}", f"{fault.value:,} are the most"


def _empty(fault: Fault, name: str) -> tuple[str, str]:
    return f"{name} is empty", "write something or remove the key"


def _otherwise(fault: Fault, name: str) -> tuple[str, str]:
    wants = fault.schema.get("x-wants")
    if fault.rule in ("anyOf", "pattern") and wants:
        return f"{kind_in_words(fault.instance)} doesn't fit here", str(wants)
    if fault.rule == "multipleOf":
        return f"{name} is {fault.instance}, an odd number", "video wants even sizes"
    return f"{name} can't be used: {plain(fault.message)}", ""


_WORDS: Mapping[str, Callable[[Fault, str], tuple[str, str]]] = {
    "type": _type,
    "enum": _choice,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "maxLength": _length,
    "minLength": _empty,
    "minItems": _items,
    "maxItems": _items,
    "minProperties": _empty,
}
