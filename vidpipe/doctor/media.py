"""The media store, file by file: what is missing or changed, and what nobody names. Asked for, since it takes long."""

from __future__ import annotations

from collections.abc import Iterator

from vidpipe.doctor.broker import megabytes
from vidpipe.doctor.finding import Finding, Severity, form, listed, sentence
from vidpipe.errors import StorageError
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.orphans import check
from vidpipe.report.words import count


def judge(deps: Deps) -> Iterator[Finding]:
    """What `vidpipe storage check` finds."""
    try:
        found = check(deps)
    except StorageError as error:
        yield Finding("media.unread", Severity.BROKEN, "The media could not be compared.", sentence(error.message))
        return
    if found.faults:
        yield Finding(
            "media.faults", Severity.BROKEN,
            f"{count(len(found.faults), 'file')} of the media store {form(len(found.faults), 'is', 'are')} not as the"
            " films say.",
            sentence(listed((f"{fault.key}: {fault.what}" for fault in found.faults), 3)),
            "`vidpipe storage check` lists them; bring them back from a backup, or make their scenes again.",
            figures={"faults": len(found.faults)},
        )  # fmt: skip
    left = [*found.orphans, *found.broken_uploads]
    if left:
        size = sum(orphan.size for orphan in found.orphans)
        yield Finding(
            "media.orphans", Severity.NOTE,
            f"{count(len(left), 'file')} ({megabytes(size)}) {form(len(left), 'is', 'are')} named by no film.",
            "Left by steps that broke off, or by films that another database knows.",
            "`vidpipe storage check` lists them, and deletes them if it is told to.",
            figures={"orphans": len(found.orphans), "bytes": size, "uploads": len(found.broken_uploads)},
        )  # fmt: skip
