"""Brings a database to the schema this version knows, or says in words why it cannot be used."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from vidpipe.errors import SetupError

_LOCK = 0x76697002  # two starters do not migrate at once


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest schema this version knows."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise SetupError("this installation holds no migrations", remedy="Install vidpipe again.")
    return found


def current(connection: Connection) -> str | None:
    """The schema the database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def check(database_url: str) -> None:
    """Raises SetupError unless the database has exactly the schema this version works with."""
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            _compare(current(connection))
    except OperationalError as error:
        raise SetupError(f"the database cannot be reached: {str(error.orig).strip()}") from error
    finally:
        engine.dispose()


def _compare(found: str | None) -> None:
    if found == head():
        return
    _refuse_unknown(found)
    was = f"an older version of vidpipe (schema {found})" if found else "nothing yet"
    raise SetupError(f"the database holds {was}", remedy="Run `vidpipe db upgrade`.")


def _refuse_unknown(found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise SetupError(
            f"the database was made by a newer version of vidpipe (schema {found})",
            remedy="Install that version, or use another database; nothing was changed.",
        )


def upgrade(database_url: str) -> None:
    """Bring the database to `head()`; does nothing where it is there already."""
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _refuse_unknown(current(connection))
            command.upgrade(_config(connection), "head")
    finally:
        engine.dispose()
