"""Drawn key frames.

Workers of the version before may still run while this is applied: they know nothing of drawings, and make none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _work() -> list[sa.Column[object]]:
    """What every row has that steps are run on."""
    time, now = sa.DateTime(timezone=True), sa.text("clock_timestamp()")
    return [
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("moved_at", time, server_default=now, nullable=False),
        sa.Column("due_at", time, nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waits", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deaths", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", time, nullable=True),
        sa.Column("lease_by", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", time, nullable=True),
        sa.Column("sends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", time, server_default=now, nullable=False),
    ]


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "drawings",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("scene_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("which", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("policy_level", sa.Integer(), server_default="0", nullable=False),
        sa.Column("request", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_work(),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_drawings_project_id")),
        sa.ForeignKeyConstraint(["scene_id"], ["scenes.id"], name=op.f("fk_drawings_scene_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drawings")),
        sa.UniqueConstraint(
            "scene_id", "version", "which", "round", "number",
            name=op.f("uq_drawings_scene_id_version_which_round_number"),
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_drawings_scene_id"), "drawings", ["scene_id"])
    workable = sa.text("state IN ('queued','drawing')")
    op.create_index("ix_drawings_workable", "drawings", ["state", "service"], postgresql_where=workable)
    unended = sa.text("state IN ('queued','drawing','uncertain')")
    op.create_index("ix_drawings_unended", "drawings", ["project_id"], postgresql_where=unended)
    for table in ("keyframes", "purchases"):
        op.add_column(table, sa.Column("drawing_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(op.f(f"fk_{table}_drawing_id"), table, "drawings", ["drawing_id"], ["id"])
    op.create_unique_constraint(op.f("uq_purchases_drawing_id"), "purchases", ["drawing_id"])


def downgrade() -> None:
    """Go back."""
    for table in ("purchases", "keyframes"):
        op.drop_column(table, "drawing_id")
    op.drop_table("drawings")
