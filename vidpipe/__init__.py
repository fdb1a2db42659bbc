"""vidpipe: storyboard to finished film.

    import vidpipe
    film = vidpipe.render("storyboard.yaml", out="out/film")

What is offered here is loaded when it is asked for: the small processes of the cluster import this package too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidpipe.runner import Film, Progress, Runner, render

__version__ = "0.1.0"
__all__ = ["Film", "Progress", "Runner", "__version__", "render"]


def __getattr__(name: str) -> Any:
    """What __all__ names, from vidpipe.runner."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("vidpipe.runner"), name)
