"""The paid services' HTTP protocols on this machine, for rehearsal and tests; imported by `vidpipe emulate` alone.

One process serves every service of the registry whose adapter has a protocol here, each below its own name:
`http://127.0.0.1:PORT/NAME` + the protocol's `path`. It is as strict as the services are, renders real clips with the
procedural renderer, and keeps a bill of its own (SQLite, on the disk before an answer is given).

troubles   the vocabulary: what can go wrong (Fate), and how a protocol says no (Refusal)
scenario   which orders meet which troubles: a YAML file
core       operations, clips, bill, and `what happens to this order`
strict     unknown fields, wrong types, keys, bodies, images: everything raises Refusal
protocol   what a vendor's module gives and is given
registry   adapter -> protocol, one line each
app        puts the protocols and /emulator/... behind one door; server runs it

A protocol is one module with a class below `protocol.Protocol`, and one line in `registry`:

    class Acme(Protocol):
        path = "/v1"                                  # what follows the service's name in its base URL
        endpoints = ("videos",)                       # names that a scenario's `endpoint` may use
        def routes(self): return [self.route("POST", "/v1/videos", self.create), ...]
        def worded(self, refusal): ...                # every no, in the vendor's words: one function

    async def create(self, request):
        strict.bearer(request, self.core.options.key)                # raises Refusal("unauthorised")
        asked = strict.checked(await strict.read_json(request), SHAPE)
        self.core.model(self.service, asked["model"])                # raises Refusal("no-model")
        call = Call(self.service, "videos", asked["model"], asked["prompt"], token)
        fate = await self.core.receive(request, call)                # counted; raises what keeps it from acceptance
        job = self.core.accept(call, fate, Clips(...), name=self.core.new_name("vid_"), memo={...})
        return await self.core.answer(request, fate, JSONResponse(self._shape(job, self.core.standing(job))))

Afterwards `core.job(service, name)` (raises Refusal "not-found", also for what vanished), `core.ask(job)` (a poll: a
Standing, or a Refusal that was scripted), `core.standing(job)` (the same without meeting any trouble, for listings),
`core.jobs(service)`, `core.clip(job, number)` (a Response with the file), `core.cancel(job)`, `core.remove(job)`.
What a protocol wants to remember of an order stands in `Job.memo` (JSON).

What draws or writes answers at once and has no Job to ask about: `core.side(service, model)` is what the registry says
of it, `core.sell(call, name=..., amount=...)` bills it.
"""
