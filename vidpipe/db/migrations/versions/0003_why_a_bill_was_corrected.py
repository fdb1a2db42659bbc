"""Why a bill was corrected.

Workers of the version before may still run while this is applied: they write no reasons.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("ledger_entries", sa.Column("why", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back."""
    op.drop_column("ledger_entries", "why")
