"""What the cluster of a run is set up as: three priced services of its own, and short times.

Only figures differ from a cluster that is used: a fault that plays out in minutes there does so in seconds here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from vidpipe.settings import config_file, read_yaml

ASKABLE = "procedural"  # can be asked what it accepted, and told to stop; one clip an operation
BACKUP = "backup"  # the same, with two clips an operation; what the others fall back to
BLIND = "blind"  # can be neither asked nor told
SERVICES = (ASKABLE, BACKUP, BLIND)
MODEL = "procedural-1"

# US dollars a second of one clip: odd, so that sums that agree do not agree by chance.
PRICES = {ASKABLE: Decimal("0.0371"), BACKUP: Decimal("0.0153"), BLIND: Decimal("0.0229")}
CLIPS = {ASKABLE: 1, BACKUP: 2, BLIND: 4}  # that one operation can bring
OPERATIONS = {ASKABLE: 12, BACKUP: 6, BLIND: 6}  # in flight at once
CHEAP = "procedural-lite"

LEASE = 5.0
CALL = 4.0  # seconds one call to a service may take
# Seconds after a call's end in which what it sent may still arrive: longer than any process is made to stand still.
SETTLING = 11.0
STANDSTILL = (LEASE + 1.0, LEASE + 2.0)  # seconds for which a process is stopped, at least and at most
GIVEN_UP = 15.0  # seconds after which an operation is given up
TIMING = {
    "lease": LEASE, "heartbeat": 1.0, "call_timeout": CALL, "poll_timeout": 2.0, "resend_after": 5.0,
    "resend_most": 20.0, "backoff": 0.5, "backoff_most": 4.0, "lane_patience": 6.0,
}  # fmt: skip
# Seconds without a single move of any row after which a run is stuck: longer than everything above.
QUIET = 90.0


def config() -> dict[str, Any]:
    """The configuration file of a run: see config/defaults.yaml and config/services.yaml."""
    described = read_yaml(config_file("services.yaml"))["services"][ASKABLE]["models"][MODEL]
    return {"timing": TIMING, "services": {name: _service(name, described) for name in SERVICES}}


def _service(name: str, described: dict[str, Any]) -> dict[str, Any]:
    told = name != BLIND
    model = {
        **described, "price_per_second": str(PRICES[name]), "max_candidates": CLIPS[name], "poll_seconds": 0.3,
        "timeout_seconds": GIVEN_UP, "settling_seconds": SETTLING, "cheaper": "",
    }  # fmt: skip
    models = {MODEL: model}
    if name == ASKABLE:  # stands in config/services.yaml with a second model, which nothing here asks for
        models[CHEAP] = {"price_per_second": "0"}
    return {
        "title": name, "adapter": "procedural", "default_model": MODEL, "operations": OPERATIONS[name],
        "requests_per_minute": None, "models": models, "options": {"askable": told, "cancellable": told},
    }  # fmt: skip
