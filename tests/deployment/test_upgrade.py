"""Upgrades with a film in flight: from the first schema, as docker/README.md has it typed, and worker by worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from tests.deployment import inflight, typed
from tests.machines import World, seen
from tests.scripted import film_of
from vidpipe.db import migrate
from vidpipe.domain.states import ProjectState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
FIRST = "0001"
MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def bring(url: str, *, up: str = "", down: str = "") -> None:
    """Bring a database up or down to a schema."""
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        if up:
            command.upgrade(config, up)
        if down:
            command.downgrade(config, down)
    engine.dispose()


def schema(operator: typed.Operator, name: str) -> list[str]:
    """The schema of a database, as pg_dump writes it, without what differs each time."""
    text = operator.program(f"pg_dump --username vidpipe --schema-only {name}")
    return [line for line in text.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict"))]


def as_the_first_version_left_it(world: World, operator: typed.Operator) -> None:
    """Bring the database down to the first schema, and see that it is just as that version made it."""
    url = world.handle.settings["database_url"]
    bring(url, down=FIRST)
    operator.program("createdb --username vidpipe first")
    bring(url.replace("/vidpipe?", "/first?"), up=FIRST)
    assert schema(operator, "vidpipe") == schema(operator, "first")


def test_a_film_that_was_begun_with_the_first_schema_goes_on_with_the_newest(
    world: World, operator: typed.Operator
) -> None:
    film = inflight.begin(world, 8)
    operator.type(typed.UP)
    inflight.under_way(world, film)
    assert set(world.machine("one").stop().values()) == {0}
    world.deps.close()
    as_the_first_version_left_it(world, operator)
    bought = world.tokens()
    for line in typed.block("Upgrading with films in flight"):
        operator.type(line)
    migrate.check(world.handle.settings["database_url"])
    inflight.ends_well(world, film, 8)
    assert world.tokens()[: len(bought)] == bought and len(bought) < 8


def test_workers_that_are_replaced_one_machine_after_the_other_lose_nothing(world: World) -> None:
    old, new = world.machine("old"), world.machine("new")
    film = inflight.begin(world, 20)
    old.start()
    inflight.under_way(world, film)
    new.start()
    seen(new)
    before = len(world.tokens())
    assert set(old.stop().values()) == {0}
    assert film_of(world.deps, film).state == ProjectState.ACTIVE and before < 20
    inflight.ends_well(world, film, 20)
    assert new.has_ordered
    print(f"  {before} of 20 orders were given before the old workers were told to end")
    assert set(inflight.outcomes(world).values()) <= {"accepted", "held"}
