"""Where in the file things stand once the film is read: the line of a scene, or of what it says about something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vidpipe.domain.storyboard.lines import Document, Where
from vidpipe.domain.storyboard.scope import Scope


@dataclass(frozen=True)
class Places:
    """The scenes of a document by their labels."""

    document: Document
    scopes: Mapping[str, Scope] = field(default_factory=dict)

    def where(self, label: str, *keys: str) -> Where:
        """The way to the nearest of `keys` that holds for a scene (for the film, without a label); else to itself."""
        scope = self.scopes.get(label)
        if scope is None:
            return next(((key,) for key in keys if key in self.document.keys_at(())), ())
        found = scope.find(*keys) if keys else None
        return scope.where if found is None else found.where

    def line(self, label: str, *keys: str) -> int:
        """The line of that, counted from 1."""
        return self.document.line(self.where(label, *keys))

    def label_at(self, where: Where) -> str:
        """The scene that a place belongs to, or nothing where it is not in one."""
        within = (label for label, scope in self.scopes.items() if where[: len(scope.where)] == scope.where)
        return next(within, "")
