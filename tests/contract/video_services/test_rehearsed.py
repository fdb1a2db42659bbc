"""In a rehearsal the emulator answers for every host of a service, whatever the user's options name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.video_services.cases import PAID, Stage
from tests.contract.video_services.stage import bring, order
from vidpipe.services.base import Findable

ADDRESSES = {"veo": ("storage_url",), "pika": ("listing",)}  # options that are one, besides `url`


@pytest.mark.parametrize("name", PAID)
def test_no_option_leads_past_the_emulator(stage: Stage, tmp_path: Path, name: str) -> None:
    away = dict.fromkeys(("url", *ADDRESSES.get(name, ())), "http://127.0.0.1:9")  # discard: nobody listens
    service, request = stage.opened(name, options=away, rehearsing=True), order()
    bring(service, request, tmp_path / "clip.mp4")
    assert not isinstance(service, Findable) or service.find(request.token) is not None
