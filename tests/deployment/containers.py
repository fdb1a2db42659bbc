"""Containers without an engine: compose's services as processes of this machine, at other addresses and nothing else.

Of a service everything is taken as it stands in compose.yaml and in its image: entrypoint, command, environment,
healthcheck, signal and grace. Only what an engine would give a container is put in its place: names of hosts become
addresses of this machine, mounts become files and folders of it, ports that are free are used. PostgreSQL alone is not
compose's: it is the embedded one, on its socket.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.deployment import composed, dockerfile
from tests.deployment.image import Image
from tests.waiting import until

PORT = "VIDPIPE_METRICS_PORT"


@dataclass
class Containers:
    """Services of one compose model, run here."""

    services: Mapping[str, Any]
    image: Image
    folder: Path
    shared: Path  # for volumes that several containers have; short, since sockets lie there
    places: Mapping[str, str]  # what stands for what
    ports: Mapping[str, int]  # of the pages: flower, metrics and the workers' own
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)  # words of servers whose ports must be free here
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start services, one container each."""
        for name in names:
            with self.log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(
                    self.command(name), env=self.environment(name), cwd=self.home(name), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip

    def run(self, name: str, *words: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a service to its end, with its own command or with `words` in its place."""
        command = self.command(name, words)
        return subprocess.run(
            command, env=self.environment(name), cwd=self.home(name), capture_output=True, text=True, timeout=seconds,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def check(self, name: str) -> subprocess.CompletedProcess[str]:
        """Its healthcheck, within its time."""
        service = self.services[name]
        test = [self.here(name, word) for word in dockerfile.health_of(service)]
        if name in ("flower", "metrics"):
            test += ["--port", str(self.ports[name])]
        limit = composed.seconds(service["healthcheck"]["timeout"])
        return subprocess.run(
            test, env=self.environment(name), cwd=self.home(name), capture_output=True, text=True, timeout=limit,
            check=False,
        )  # fmt: skip

    def healthy(self, *names: str, seconds: float = 60.0) -> None:
        """Wait until each one's own healthcheck says so."""
        for name in names:
            until(lambda: self._is_healthy(name), seconds=seconds, what=f"{name} to be healthy", every=0.3)  # noqa: B023

    def _is_healthy(self, name: str) -> bool:
        process = self.running[name]
        assert process.poll() is None, f"{name} ended with {process.returncode}:\n{self.log(name).read_text()[-3000:]}"
        try:
            return self.check(name).returncode == 0
        except subprocess.TimeoutExpired:
            return False  # as an engine counts it

    def stop(self, *names: str) -> dict[str, float]:
        """Ask all to end as compose would; the seconds that each took. To take longer than its grace is an error."""
        asked = time.monotonic()
        for name in names:
            self.running[name].send_signal(signal.Signals[self.services[name]["stop_signal"]])
        took = {}
        for name in names:
            grace = composed.seconds(self.services[name]["stop_grace_period"])
            self.running[name].wait(timeout=max(grace - (time.monotonic() - asked), 0.1))
            took[name] = time.monotonic() - asked
            del self.running[name]
        return took

    def close(self) -> None:
        """Kill what a test that failed has left, with its children."""
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()

    def command(self, name: str, words: Sequence[str] = ()) -> list[str]:
        """Entrypoint and command, the service's own before the image's."""
        service = self.services[name]
        stage = self._stage(name)
        entrypoint = service.get("entrypoint") or (stage.entrypoint if stage else ())
        command = words or service.get("command") or (stage.command if stage else ())
        return [*(self.here(name, word) for word in (*entrypoint, *command)), *self.more.get(name, ())]

    def environment(self, name: str) -> dict[str, str]:
        """What the process finds: the image's, then the service's."""
        own = {key: self.here(name, value) for key, value in self.services[name].get("environment", {}).items()}
        if PORT in own:
            own[PORT] = str(self.ports[name])
        stage = self._stage(name)
        if stage:
            return self.image.environment(stage, {"VIDPIPE_HOME": str(self.home(name)), **own})
        path = os.pathsep.join((str(self.image.programs), "/usr/bin", "/bin"))
        return {"PATH": path, "HOME": str(self.home(name)), "TMPDIR": str(self.home(name)), **own}

    def home(self, name: str) -> Path:
        """A folder of the container's own; it stands for the one that its image writes to."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """What it has said."""
        return self.folder / f"{name}.log"

    def _stage(self, name: str) -> dockerfile.Stage | None:
        image = self.services[name]["image"].partition(":")[0]
        return dockerfile.stages()[image.removeprefix(composed.OURS)] if image.startswith(composed.OURS) else None

    def here(self, name: str, word: str) -> str:
        """A word of the service with everything in it that only a container has put in its place."""
        for there, here in {**self._mounts(name), **self.places}.items():
            word = word.replace(there, here)
        service = self.services[name]
        opened = service.get("expose") or [str(each["target"]) for each in service.get("ports", [])]
        return str(self.ports[name]) if [word] == opened else word

    def _mounts(self, name: str) -> dict[str, str]:
        """Where its mounts are here."""
        found = {"/var/lib/vidpipe": str(self.home(name))}
        for volume in self.services[name].get("volumes", []):
            target, source = volume["target"], volume.get("source")
            if volume["type"] == "bind":
                found[target] = source
            elif target == "/run/vidpipe":
                folder = self.shared / str(source)
                folder.mkdir(exist_ok=True)
                found |= {target: str(folder), quote(target, safe=""): quote(str(folder), safe="")}
            elif volume["type"] == "volume":
                found[target] = str(self.home(name))
        return found
