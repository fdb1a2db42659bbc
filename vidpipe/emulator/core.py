"""What every protocol is built on: orders in, a bill, real clips, and what happens to each order.

See the package's own words for how a protocol uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from vidpipe.domain.catalogue import Capabilities, Catalogue
from vidpipe.domain.pricing import Price
from vidpipe.domain.side_services import ImageModel, SideService, TextModel
from vidpipe.emulator.ledger import BOOKS, Job, Ledger
from vidpipe.emulator.limits import Limits
from vidpipe.emulator.scenario import Call, Scenario
from vidpipe.emulator.troubles import (
    ANSWER,
    BEFORE,
    FILTERED_ALL,
    LOST,
    NO_FIGURE,
    STUCK,
    TROUBLES,
    Fate,
    HangUp,
    Refusal,
)
from vidpipe.services.procedural.bill import ClipRow, Operation
from vidpipe.services.procedural.inputs import keep_inputs
from vidpipe.services.procedural.renderers import Renderers, clip_path
from vidpipe.services.procedural.replies import Dropped, given_up
from vidpipe.services.procedural.wire import Order

KEY = "rehearsal"  # the one key that it takes: a real one is refused
UNSEEN = re.compile("[\ufe00-\ufe0f\u200b-\u200d\u2060]")  # characters that no model paints


@dataclass(frozen=True)
class Options:
    """How one emulator behaves."""

    folder: Path
    catalogue: Catalogue
    latency: float = 0.0  # seconds an operation takes, where the scenario says nothing
    renderers: int = 2
    painter: str = "procedural-lite"
    key: str = KEY
    sides: Mapping[str, SideService[Any]] = field(default_factory=dict)  # the services that draw and write


@dataclass(frozen=True)
class Clips:
    """What is to be rendered. `images` by the renderer's names: first, last, reference-1, ..."""

    seconds: float
    width: int
    height: int
    fps: int = 24
    count: int = 1
    seed: int | None = None
    audio: bool = True
    negative_prompt: str = ""
    images: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """How an order is doing."""

    state: Literal["queued", "running", "done", "failed", "filtered", "cancelled"]
    progress: float  # 0 to 1
    clips: tuple[ClipRow, ...] = ()  # of one that is done
    filtered: int = 0
    reason: str = ""
    ended: float | None = None  # seconds since 1970
    throttled: bool = False  # it waits for others of the account


class Emulator:
    """One for all services; used from one event loop."""

    def __init__(self, options: Options, scenario: Scenario) -> None:
        self.options, self.scenario = options, scenario
        self.ledger = Ledger(options.folder / BOOKS)
        self.renderers = Renderers(self.ledger.books, options.folder, options.renderers)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Renderers work inside."""
        self.renderers.start()
        try:
            yield
        finally:
            await self.renderers.stop()
            self.ledger.store.close()

    def model(self, service: str, name: str) -> Capabilities:
        """What the registry says of a model; raises Refusal("no-model")."""
        found = self.options.catalogue[service].models.get(name)
        if found is None:
            raise Refusal("no-model", f"The model '{name[:80]}' does not exist.", param="model")
        return found

    def side(self, service: str, name: str) -> ImageModel | TextModel:
        """The same of a model that draws or writes."""
        found: ImageModel | TextModel | None = self.options.sides[service].models.get(name)
        if found is None:
            raise Refusal("no-model", f"models/{name[:80]} is not found.", param="model")
        return found

    def sell(self, call: Call, *, name: str, amount: Decimal) -> None:
        """Bill what is answered at once; on the disk when this returns. `amount` in US dollars, 0 for what is not."""
        self.ledger.sell(_seen(call), name=name, amount=amount)

    def seed_of(self, call: Call, asked: int | None) -> int:
        """The seed of an order, or one of its own where it has none."""
        return self._seed(_seen(call)) if asked is None else asked % 2**32

    def limits(self, service: str) -> Limits:
        """What a service takes."""
        facts = self.options.catalogue.get(service) or self.options.sides[service]
        return Limits(facts.operations, facts.requests_per_minute).under(self.scenario.limits.get(service, {}))

    async def receive(self, request: Request, call: Call, *, queues: bool = False) -> Fate:
        """Count an order and tell what happens to it; raises what keeps it from being accepted.

        `queues`: the service takes more orders than it works on at once, and keeps them waiting.
        """
        call = _seen(call)
        store = self.ledger.store
        with store.transaction():
            over = self.limits(call.service).passed_by_one_more(self.ledger, call.service, queues=queues)
            fate = Fate({"429": NO_FIGURE}) if over else self.scenario.fate(call, store)
            self.ledger.post(call, fate)
        if over:
            raise Refusal("429", over)
        refused = fate.first(BEFORE)
        if refused in LOST:
            raise HangUp(waits=refused == "hang")
        if refused:
            told = fate.figure(refused)
            retry_after = told if told >= 0 and TROUBLES[refused].figure == "retry_after" else None
            raise Refusal(refused, f"{TROUBLES[refused].what} (scripted)", retry_after=retry_after)
        return fate

    def accept(self, call: Call, fate: Fate, clips: Clips, *, name: str, memo: Mapping[str, Any]) -> Job:
        """Take an order: images, operation, clips and bill are on the disk when this returns."""
        call = _seen(call)
        clip_path(self.options.folder, name, 1).parent.mkdir(parents=True)
        keep_inputs(self.options.folder, name, clips.images)
        told = int(fate.figure("filtered"))
        hidden = clips.count if told < 0 else min(clips.count, told)
        job = self.ledger.accept(
            call, fate, self._order(call, clips), name=name, memo=memo, amount=self._price(call, clips),
            ready_at=time.time() + self._delay(fate), filtered=hidden,
        )  # fmt: skip
        self.renderers.wake()
        return job

    async def answer(self, request: Request, fate: Fate, response: Response) -> Response:
        """The answer to an order that was accepted, unless its fate keeps it back."""
        match fate.first(ANSWER):
            case "reset-after":
                raise HangUp(waits=False)
            case "hang-after":
                raise HangUp(waits=True)
            case "500-after" | "503-after" as found:
                raise Refusal(found.removesuffix("-after"), f"{TROUBLES[found].what} (scripted)")
            case "slow-answer":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(given_up(request), fate.figure("slow-answer"))
                    raise HangUp(waits=False)
        return response

    def new_name(self, prefix: str) -> str:
        """A name for an order, which nobody had before."""
        return f"{prefix}{secrets.token_hex(16)}"

    def job(self, service: str, name: str) -> Job:
        """An order by its name; raises Refusal("not-found")."""
        found = self.ledger.job(service, name)
        if found is None or self._vanished(found):
            raise Refusal("not-found", f"'{name[:80]}' was not found.")
        return found

    def jobs(self, service: str) -> list[Job]:
        """A service's orders, oldest first."""
        return [job for job in self.ledger.jobs(service) if not self._vanished(job)]

    def ask(self, job: Job) -> Standing:
        """How an order is doing, as a poll; raises Refusal where its fate says so."""
        store = self.ledger.store
        store.count_up(f"asked|{job.name}")
        for name in ("poll-429", "poll-503"):
            if name in job.fate and store.count_down(f"{name}|{job.name}", int(job.fate.figure(name))):
                raise Refusal(name.removeprefix("poll-"), f"{TROUBLES[name].what} (scripted)", retry_after=1.0)
        found = self.standing(job)
        if "progress-back" in job.fate and found.state == "running" and store.counter(f"asked|{job.name}") % 2 == 0:
            return Standing("running", found.progress * 0.3)
        return found

    def standing(self, job: Job) -> Standing:
        """How an order is doing."""
        operation = self._settled(job)
        if operation.state != "working":
            if operation.reason == FILTERED_ALL:
                return Standing(
                    "filtered", 1.0, filtered=len(operation.clips), reason=FILTERED_ALL, ended=operation.ready_at
                )
            state: Literal["cancelled", "failed"] = "cancelled" if operation.state == "cancelled" else "failed"
            return Standing(state, 0.0, reason=operation.reason, ended=time.time())
        ended = [clip for clip in operation.clips if clip.state in ("done", "failed", "filtered")]
        now = time.time()
        if len(ended) == len(operation.clips) and now >= operation.ready_at:
            done = tuple(clip for clip in ended if clip.state == "done")
            hidden = sum(clip.state == "filtered" for clip in ended)
            return Standing("done", 1.0, done, hidden, ended=operation.ready_at)
        if now < operation.accepted + job.fate.figure("throttled"):
            return Standing("queued", 0.0, throttled=True)
        whole = max(operation.ready_at - job.fate.figure("late") - operation.accepted, 1e-6)
        passed = min(1.0, (now - operation.accepted) / whole, (len(ended) + 0.5) / len(operation.clips))
        begun = any(clip.tries for clip in operation.clips)
        return Standing("running" if begun else "queued", passed * 0.99 if begun else 0.0)

    def clip(self, job: Job, number: int) -> Response:
        """A finished clip's file; raises Refusal("not-ready") or Refusal("expired")."""
        found = self.standing(job)
        if not any(clip.number == number for clip in found.clips):
            raise Refusal("not-ready", "There is nothing to fetch now.")
        path = clip_path(self.options.folder, job.name, number)
        if "expired" in job.fate or not path.is_file():
            raise Refusal("expired", "The file has expired.")
        most = int(job.fate.figure("cut-off"))
        if most and self.ledger.store.count_down(f"cut-off|{job.name}|{number}", most):
            data = path.read_bytes()
            return Dropped(data[: len(data) // 2], len(data))
        return FileResponse(path, media_type="video/mp4")

    def cancel(self, job: Job, *, charged: bool = False) -> bool:
        """Stop an order, which is then not charged unless it is; False where it has ended."""
        if self.standing(job).state not in ("queued", "running"):
            return False
        return self.ledger.books.end(job.name, "cancelled", "cancelled by the client", charged=charged)

    def remove(self, job: Job) -> None:
        """Forget an order and its files; the bill stays."""
        self.ledger.remove(job)
        for clip in self.ledger.operation(job).clips:
            clip_path(self.options.folder, job.name, clip.number).unlink(missing_ok=True)

    def _settled(self, job: Job) -> Operation:
        """Its operation, ended where its time has come and it was meant to fail or has nothing to deliver."""
        found = self.ledger.operation(job)
        if found.state != "working" or time.time() < found.ready_at:
            return found
        books = self.ledger.books
        if "fail" in job.fate:
            books.end(job.name, "failed", "the model failed (scripted)")
        elif all(clip.state == "filtered" for clip in found.clips):
            books.end(job.name, "refused", FILTERED_ALL)
        elif all(clip.state in ("failed", "filtered") for clip in found.clips):
            books.end(job.name, "failed", next(clip.reason for clip in found.clips if clip.state == "failed"))
        else:
            return found
        return self.ledger.operation(job)

    def _vanished(self, job: Job) -> bool:
        return "vanish" in job.fate and self.ledger.store.counter(f"asked|{job.name}") >= job.fate.figure("vanish")

    def _delay(self, fate: Fate) -> float:
        if "stuck" in fate:
            return STUCK
        usual = self.options.latency if self.scenario.latency is None else self.scenario.latency
        return fate.figure("throttled") + fate.figure("latency", usual) + fate.figure("late")

    def _order(self, call: Call, clips: Clips) -> Order:
        return Order(
            token=call.token, model=self.options.painter, prompt=call.prompt, duration=clips.seconds,
            width=clips.width, height=clips.height, fps=clips.fps, count=clips.count, audio=clips.audio,
            seed=self._seed(call) if clips.seed is None else clips.seed % 2**32,
            negative_prompt=clips.negative_prompt,
        )  # fmt: skip

    def _seed(self, call: Call) -> int:
        """Of an order without one: by the scenario's seed, the prompt, and how often it came."""
        number = self.ledger.store.count_up(f"seed|{call.service}|{hashlib.sha256(call.prompt.encode()).hexdigest()}")
        drawn = hashlib.sha256(f"{self.scenario.seed}|{call.prompt}|{number}".encode()).digest()
        return int.from_bytes(drawn[:4], "big")

    def _price(self, call: Call, clips: Clips) -> Decimal:
        """US dollars for one clip."""
        facts = self.model(call.service, call.model)
        per_second = facts.per_second(clips.width, clips.height, audio=clips.audio)
        return Price(per_second).of(clips.seconds, 1)


def _seen(call: Call) -> Call:
    """An order as a model sees it: what marks a prompt without being seen changes no picture and no rule."""
    return Call(call.service, call.endpoint, call.model, UNSEEN.sub("", call.prompt), call.token)
