"""What the doctor found, by its code or alone."""

from __future__ import annotations

from vidpipe.doctor import Diagnosis, Finding


def only(found: Diagnosis) -> Finding:
    """The one thing that was found."""
    assert len(found.findings) == 1, [(one.code, one.what, one.why) for one in found.findings]
    return found.findings[0]


def by_code(found: Diagnosis) -> dict[str, Finding]:
    return {one.code: one for one in found.findings}
