"""Orders of which nobody knows what became of them, until a person says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.kills.acts import Act, Command, Scenario, Then
from tests.kills.boards import CLIP, DONE, MUTE, WAITS, enqueue, met, shot
from tests.kills.play import Play
from vidpipe.pipeline import uncertain
from vidpipe.pipeline.deps import Deps


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    mute = enqueue(shot(service=MUTE))
    bought: tuple[Act, ...] = (met("lost-answer", MUTE), mute, WAITS, Then(_show_the_bill))
    found = _says(lambda deps, token, folder: uncertain.found(deps, token, _as_billed(folder, token)))
    lost = _says(lambda deps, token, folder: uncertain.lost(deps, token))
    billed = _says(lambda deps, token, folder: uncertain.billed(deps, token, CLIP))
    again = _says(lambda deps, token, folder: uncertain.resubmit(deps, token))
    yield Scenario("found", (*bought, found, DONE), CLIP, unclear=True)
    yield Scenario("lost", (met("500", MUTE), mute, WAITS, lost, DONE), CLIP, unclear=True)
    yield Scenario("billed", (*bought, billed, DONE), 2 * CLIP, unclear=True)
    yield Scenario(
        "ordered again, and the first comes after all", (*bought, again, DONE, found), 2 * CLIP, unclear=True
    )


def _says(what: Callable[[Deps, str, Path], object]) -> Command:
    """A person says what became of the order that was listed first of all."""

    def do(deps: Deps, folder: Path) -> object:
        note = folder / "the order"
        listed = uncertain.listed(deps)
        if not note.exists():
            note.write_text(str(listed[-1].token), encoding="utf-8")
        token = note.read_text(encoding="utf-8")
        return what(deps, str(uncertain.named(deps, token).token), folder)

    return Command(do)


def _show_the_bill(play: Play) -> None:
    for line in play.bill():
        (play.folder / f"bill-{line.token}").write_text(line.operation, encoding="utf-8")


def _as_billed(folder: Path, token: str) -> str:
    """The operation's name, which the person saw on the bill."""
    return (folder / f"bill-{token}").read_text(encoding="utf-8")
