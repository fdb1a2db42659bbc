"""What a step is handed: settings, rows, media, services, eyes. Made once a process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vidpipe.db.engine import Database
from vidpipe.db.lanes import Limits
from vidpipe.db.leases import LeaseKeeper
from vidpipe.domain.catalogue import Catalogue, described, read_catalogue
from vidpipe.domain.ladder import Ladder, read_ladder
from vidpipe.domain.side_services import ImageModel, SideService, image_model, read_image_services
from vidpipe.services.base import Capabilities, VideoService
from vidpipe.services.footage import OpenMedia
from vidpipe.services.images.base import ImageService
from vidpipe.services.images.registry import open_image_service
from vidpipe.services.registry import open_service
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage
from vidpipe.storage.registry import open_storage
from vidpipe.vision.base import Measurer
from vidpipe.vision.registry import open_measurers
from vidpipe.workroom import Workroom


@dataclass
class Deps:
    """Everything outside that a step may touch."""

    settings: Settings
    db: Database
    storage: Storage
    keeper: LeaseKeeper
    worker: str  # who claims, for people to read
    opener: Callable[[str, Settings, OpenMedia], VideoService] = open_service
    image_opener: Callable[[str, Settings], ImageService] = open_image_service
    measurers: Callable[[Settings], tuple[Measurer, ...]] = open_measurers
    _services: dict[str, VideoService] = field(default_factory=dict)
    _painters: dict[str, ImageService] = field(default_factory=dict)
    _eyes: tuple[Measurer, ...] | None = None
    _catalogue: Catalogue | None = None
    _drawn_by: dict[str, SideService[ImageModel]] | None = None
    _room: Workroom | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def service(self, name: str) -> VideoService:
        """The service of that name, opened once."""
        with self._lock:
            if name not in self._services:
                self._services[name] = self.opener(name, self.settings, self.storage.open_local)
            return self._services[name]

    def image_service(self, name: str) -> ImageService:
        """The service that draws of that name, opened once."""
        with self._lock:
            if name not in self._painters:
                self._painters[name] = self.image_opener(name, self.settings)
            return self._painters[name]

    def image_model(self, name: str, model: str) -> ImageModel:
        """What a model that draws can do; raises SetupError, with a guess, where it or its service is unknown."""
        return image_model(self.painters(), name, model)

    def painters(self) -> dict[str, SideService[ImageModel]]:
        """Every service that draws, read once."""
        with self._lock:
            if self._drawn_by is None:
                self._drawn_by = read_image_services(self.settings.services)
            return self._drawn_by

    def capabilities(self, name: str, model: str) -> Capabilities:
        """What a model can do; raises SetupError, with a guess, where it or its service is unknown."""
        return described(self.catalogue(), name, model)

    def catalogue(self) -> Catalogue:
        """Every service and its models, read once."""
        with self._lock:
            if self._catalogue is None:
                self._catalogue = read_catalogue(self.settings.services)
            return self._catalogue

    def ladder(self) -> Ladder:
        """What is said differently where a service's policy lets nothing through."""
        return read_ladder(self.settings.policy)

    def limits(self, service: str) -> Limits:
        """What a service takes at once; none for one that is not configured."""
        facts = self.catalogue().get(service) or self.painters().get(service)
        return Limits() if facts is None else Limits(facts.operations, facts.requests_per_minute)

    def eyes(self) -> tuple[Measurer, ...]:
        """Everything that looks at clips here, opened once."""
        with self._lock:
            if self._eyes is None:
                self._eyes = self.measurers(self.settings)
            return self._eyes

    def folder(self, name: str) -> Path:
        """A folder of this process for work in progress, made if it isn't there."""
        with self._lock:
            if self._room is None:
                self._room = Workroom(self.settings.work)
            room = self._room
        return room.folder(name)

    def close(self) -> None:
        """Let go of everything."""
        self.keeper.stop()
        if self._room is not None:
            self._room.leave()
        self.db.close()


def open_deps(settings: Settings, worker: str, *, pool_size: int = 10) -> Deps:
    """The dependencies of this process."""
    db = Database(settings.database_url, pool_size=pool_size)
    return Deps(settings, db, open_storage(settings), LeaseKeeper(db, settings.timing), worker)
