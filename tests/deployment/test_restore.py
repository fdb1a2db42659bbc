"""Backup and restore as docker/README.md has them typed, with pg_dump and pg_restore, while a film is being made."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.deployment import inflight, typed
from tests.machines import World
from tests.waiting import until
from vidpipe.db.models import Take
from vidpipe.pipeline import restored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SCENES = 10
LINES = typed.block("Backup and restore")
# "as above", the page says of the dump: where it tells how to upgrade.
DUMP = next(line for line in typed.block("Upgrading with films in flight") if "pg_dump" in line)


def orders_that_wait(world: World) -> int:
    waiting = select(Take.id).where(Take.last_error == restored.WAITS)
    return len(world.deps.db.run(lambda session: session.execute(waiting).all()))


def test_a_cluster_restored_from_its_dump_buys_nothing_before_it_knows_what_it_had_bought(
    world: World, operator: typed.Operator, tmp_path: Path
) -> None:
    film = inflight.begin(world, SCENES)
    operator.type(typed.UP)
    inflight.under_way(world, film)
    operator.type(DUMP)
    dumped = len(world.tokens())
    until(lambda: len(world.tokens()) >= dumped + 3, seconds=60, what="orders that the dump does not know")
    (tmp_path / DUMP.rpartition("> ")[2]).rename(tmp_path / LINES[-2].rpartition("< ")[2])
    world.deps.close()  # whoever is connected keeps the database from being dropped
    for line in LINES[:-1]:
        operator.type(line)
    world.look_again()

    bought = world.tokens()
    forgotten = set(bought) - set(inflight.outcomes(world))
    assert len(forgotten) >= 3 and not world.deps.db.run(restored.may_buy)
    # The journal of orders can't be read for a while: then nothing is bought at all.
    away = world.media.rename(tmp_path / "away")
    assert LINES[-1] == typed.UP
    operator.type(LINES[-1])
    until(lambda: orders_that_wait(world), seconds=60, what="an order to be held back", every=0.1)
    assert world.tokens() == bought
    away.rename(world.media)
    inflight.ends_well(world, film, SCENES)
    print(f"  {len(bought)} orders were given before the restore, {len(forgotten)} of them after the dump")
