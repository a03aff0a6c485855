"""JSON schemas as models get them: self-contained and without what only costs tokens; pure."""

import re
from typing import Any

Schema = dict[str, Any]

_SAYS_NOTHING = frozenset({"title", "default", "examples", "$defs", "definitions", "$schema"})
_NESTED = ("items", "additionalProperties")
_CHOICES = ("anyOf", "oneOf", "allOf", "prefixItems")
_MOST_PARTS = 2000
_DEEPEST = 6  # deeper, or referring to itself, a schema is too much for a model to fill in
_REFERENCE = re.compile(r"#/(\$defs|definitions)/(.+)")


def plain_schema(schema: Schema) -> Schema:
    """The schema with what it refers to in its place, and without titles, defaults and nulls.

    Servers that compile a grammar from several tools' schemas cannot follow references.
    """
    return _Plain(schema).of(schema, 0)


class _Plain:
    """Makes the parts of one schema plain, within a bound: references can multiply."""

    def __init__(self, whole: Schema) -> None:
        self._whole = whole
        self._left = _MOST_PARTS

    def of(self, schema: object, depth: int) -> Schema:
        self._left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            return {}
        kept = {key: value for key, value in schema.items() if key not in _SAYS_NOTHING}
        if isinstance(kept.get("$ref"), str):
            meant = _referred(kept.pop("$ref"), self._whole)
            return self.of({**meant, **kept}, depth + 1)
        if isinstance(kept.get("properties"), dict):
            fields = kept["properties"].items()
            kept["properties"] = {name: self.of(field, depth + 1) for name, field in fields}
        for key in _NESTED:
            if isinstance(kept.get(key), dict):
                kept[key] = self.of(kept[key], depth + 1)
        for key in _CHOICES:
            if isinstance(kept.get(key), list):
                kept[key] = [self.of(choice, depth + 1) for choice in kept[key]]
        return _without_null(kept)


def _referred(reference: str, whole: Schema) -> Schema:
    found = _REFERENCE.fullmatch(reference)
    kinds = whole.get(found[1], {}) if found else {}
    meant = kinds.get(found[2], {}) if found else {}
    return meant if isinstance(meant, dict) else {}


def _without_null(schema: Schema) -> Schema:
    """What may be left out need not be offered as null too."""
    choices = schema.get("anyOf")
    if not choices:
        return schema
    left = [choice for choice in choices if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left}
