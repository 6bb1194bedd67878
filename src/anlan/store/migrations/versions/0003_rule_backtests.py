"""Back-tests of rules are kept with the sequence they used, and a domain can set how many signals a week it works off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _backtests()
    _budgets()


def _backtests() -> None:
    op.create_table(
        "rule_backtest",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("rule_code", sa.String(length=80), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=10), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("input_seq", BIG, nullable=False),
        sa.Column("code_version", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_rule_backtest"),
    )
    op.create_index("ix_rule_backtest_known_seq", "rule_backtest", ["known_seq"], unique=False)
    op.create_index("ix_rule_backtest_rule_code", "rule_backtest", ["rule_code"], unique=False)


def _budgets() -> None:
    op.create_table(
        "alarm_budget",
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("signals_a_week", sa.Integer(), nullable=False),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("trailing_weeks", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("domain", "known_seq", name="pk_alarm_budget"),
    )
    op.create_index("ix_alarm_budget_known_seq", "alarm_budget", ["known_seq"], unique=False)
    op.create_table(
        "budget_week",
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("week", BIG, autoincrement=False, nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("signals_a_week", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("p_limit", sa.Double(), nullable=True),
        sa.Column("expected_chance", sa.Double(), nullable=True),
        sa.Column("let_through", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("input_seq", BIG, nullable=False),
        sa.Column("code_version", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "week", "known_seq", name="pk_budget_week"),
    )
    op.create_index("ix_budget_week_known_seq", "budget_week", ["known_seq"], unique=False)
