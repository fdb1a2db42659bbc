"""Lanes, faults and pace.

Workers of the version before may still run while this is applied: what is new has a default for them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_IN_FLIGHT = "state IN ('submitting','submitted','cancelling') OR (state = 'queued' AND admitted_at IS NOT NULL)"


def upgrade() -> None:
    """Go forward."""
    op.add_column("attempts", sa.Column("service", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE attempts SET service = p.service FROM purchases p WHERE p.id = attempts.purchase_id")
    op.create_index("ix_attempts_pace", "attempts", ["service", "created_at"])
    unsure = sa.text("outcome IN ('open','unclear')")
    op.create_index("ix_attempts_unclear", "attempts", ["created_at"], postgresql_where=unsure)
    money = sa.Numeric(precision=14, scale=6)
    op.add_column("projects", sa.Column("estimate", money, server_default="0", nullable=False))
    moving = sa.text("state IN ('generating','selecting','analyzing')")
    op.create_index("ix_scenes_moving", "scenes", ["project_id"], postgresql_where=moving)
    op.add_column("service_lanes", sa.Column("paused_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("service_lanes", sa.Column("strikes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("takes", sa.Column("fault", sa.Text(), nullable=True))
    op.add_column("takes", sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_takes_due", table_name="takes")
    due = sa.text("state IN ('submitted','cancelling','overdue')")
    op.create_index("ix_takes_due", "takes", ["service", "due_at"], postgresql_where=due)
    in_line = sa.text("state = 'queued' AND admitted_at IS NULL")
    op.create_index("ix_takes_in_line", "takes", ["service", "project_id", "created_at"], postgresql_where=in_line)
    op.create_index("ix_takes_in_flight", "takes", ["service", "project_id"], postgresql_where=sa.text(_IN_FLIGHT))
    unended = sa.text("state NOT IN ('settled','refused','failed','cancelled')")
    op.create_index("ix_takes_unended", "takes", ["project_id"], postgresql_where=unended)


def downgrade() -> None:
    """Go back."""
    for name in ("ix_takes_unended", "ix_takes_in_line", "ix_takes_in_flight", "ix_takes_due"):
        op.drop_index(name, table_name="takes")
    due = sa.text("state IN ('submitted','cancelling')")
    op.create_index("ix_takes_due", "takes", ["service", "due_at"], postgresql_where=due)
    op.drop_column("takes", "admitted_at")
    op.drop_column("takes", "fault")
    op.drop_column("service_lanes", "strikes")
    op.drop_column("service_lanes", "paused_since")
    op.drop_index("ix_scenes_moving", table_name="scenes")
    op.drop_column("projects", "estimate")
    op.drop_index("ix_attempts_unclear", table_name="attempts")
    op.drop_index("ix_attempts_pace", table_name="attempts")
    op.drop_column("attempts", "service")
