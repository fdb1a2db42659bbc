"""What every table shares, and what every row shares that work is done on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import DateTime, MetaData, Numeric, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from vidpipe.domain.states import Entity

Money = Numeric(14, 6)  # US dollars; a millionth holds every price a second that services publish


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        Decimal: Money,
        UUID: Uuid(),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: Text,
    }


class Identified(Base):
    """A row with an id of its own, made by whoever writes it, and the time it was written."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Workable(Identified):
    """A row that steps are run on.

    `state` is written by db/transitions.py alone. A step claims the row with a lease; a lease that has run
    out was left by a worker that died. `sent_at` tells when a message for the row last left; NULL means that
    nobody has sent one, and the tick will.
    """

    __abstract__ = True
    entity: ClassVar[Entity]

    state: Mapped[str]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")  # that failed by a fault
    waits: Mapped[int] = mapped_column(default=0, server_default="0")  # for a place to store media
    deaths: Mapped[int] = mapped_column(default=0, server_default="0")  # of workers that held it
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    lease_by: Mapped[str | None]
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(default=0, server_default="0")
