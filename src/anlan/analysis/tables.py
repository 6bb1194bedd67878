"""Tables of analysis: rules, signals, what each run of a rule looked at, back-tests and alarm budgets."""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = ["alarm_budget", "budget_week", "rule", "rule_backtest", "rule_run", "signal"]

rule = sa.Table(
    "rule",
    metadata,
    sa.Column("code", sa.String(80), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),  # detector, limit, silence
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("method", sa.String(60), nullable=False),
    sa.Column("parameters", JsonText, nullable=False),
    sa.Column("selector", JsonText, nullable=False),
    sa.Column("levels", JsonText, nullable=False),  # [[level, score from which on], …], lowest first
    sa.Column("extend_days", sa.Integer, nullable=False),
    sa.Column("evaluate_last", sa.Integer, nullable=False),
    sa.Column("valid_from", sa.String(10), nullable=False),  # dates; '' when open
    sa.Column("valid_to", sa.String(10), nullable=False),
    sa.Column("hazard", sa.String(80), nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("why", JsonText, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # proposed, active, retired
    sa.Column("pack_id", sa.String(60), nullable=False),
    sa.Column("pack_version", sa.String(40), nullable=False),
    sa.Column("local_edit", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    info={"kind": "versions", "key": ("code",)},
)

signal = sa.Table(
    "signal",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),  # detector, limit, silence
    sa.Column("rule_code", sa.String(80), nullable=False),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("code_version", sa.String(40), nullable=False),
    sa.Column("hazard", sa.String(80), nullable=False),
    sa.Column("series_id", BigInt),
    sa.Column("source_code", sa.String(80)),
    sa.Column("indicator_code", sa.String(80), nullable=False),
    sa.Column("stratum", sa.String(120), nullable=False),
    sa.Column("site_code", sa.String(80), nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("calendar", JsonText, nullable=False),
    sa.Column("first_period", BigInt, nullable=False),
    sa.Column("last_period", BigInt, nullable=False),
    sa.Column("observed", sa.Double),
    sa.Column("expected", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("p_value", sa.Double),
    sa.Column("score", sa.Double),
    sa.Column("level_hint", sa.String(10), nullable=False),
    sa.Column("holds", sa.Boolean, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("evidence", JsonText, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("why", JsonText, nullable=False),
    sa.Column("input_seq", BigInt, nullable=False),
    sa.Column("input_known_at", UtcTime),
    sa.Column("raised_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Index("ix_signal_raised", "raised_at", "serial", "public_id"),
    sa.Index("ix_signal_kind", "kind", "raised_at"),
    sa.Index("ix_signal_number", "year", "serial"),
    sa.Index("ix_signal_series", "series_id", "rule_code"),
    sa.Index("ix_signal_source", "source_code"),
    info={"kind": "versions", "key": ("public_id",)},
)

rule_run = sa.Table(
    "rule_run",
    metadata,
    sa.Column("rule_code", sa.String(80), primary_key=True),
    sa.Column("indicator_code", sa.String(80), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("code_version", sa.String(40), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("input_seq", BigInt, nullable=False),
    sa.Column("input_known_at", UtcTime),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("first_period", BigInt),
    sa.Column("last_period", BigInt),
    sa.Column("series", sa.Integer, nullable=False),
    sa.Column("cells", sa.Integer, nullable=False),
    sa.Column("alarms", sa.Integer, nullable=False),
    sa.Column("raised", sa.Integer, nullable=False),
    sa.Column("extended", sa.Integer, nullable=False),
    sa.Column("revised", sa.Integer, nullable=False),
    sa.Column("ended", sa.Integer, nullable=False),
    sa.Column("reasons", JsonText, nullable=False),
    info={"kind": "versions", "key": ("rule_code", "indicator_code")},
)

rule_backtest = sa.Table(
    "rule_backtest",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("rule_code", sa.String(80), nullable=False, index=True),
    sa.Column("area_path", sa.String(200), nullable=False),  # only series below it were tried; '' for all
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # waiting, done, failed
    sa.Column("years", sa.Integer, nullable=False),
    sa.Column("basis", sa.String(10), nullable=False),  # reported, received
    sa.Column("rules", JsonText, nullable=False),  # one or two rules, whole, as they were tried
    sa.Column("events", JsonText, nullable=False),
    sa.Column("result", JsonText),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("input_seq", BigInt, nullable=False),
    sa.Column("code_version", sa.String(40), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    info={"kind": "versions", "key": ("public_id",)},
)

alarm_budget = sa.Table(
    "alarm_budget",
    metadata,
    sa.Column("domain", sa.String(60), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("signals_a_week", sa.Integer, nullable=False),  # 0: no budget
    sa.Column("exact", sa.Boolean, nullable=False),
    sa.Column("trailing_weeks", sa.Integer, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    info={"kind": "versions", "key": ("domain",)},
)

budget_week = sa.Table(
    "budget_week",
    metadata,
    sa.Column("domain", sa.String(60), primary_key=True),
    sa.Column("week", BigInt, primary_key=True, autoincrement=False),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("calendar", JsonText, nullable=False),
    sa.Column("signals_a_week", sa.Integer, nullable=False),
    sa.Column("judged", sa.Integer, nullable=False),
    sa.Column("p_limit", sa.Double),
    sa.Column("expected_chance", sa.Double),
    sa.Column("let_through", sa.Integer, nullable=False),
    sa.Column("held_back", sa.Integer, nullable=False),
    sa.Column("places", JsonText, nullable=False),  # [[rule, series, p-value, rank, let through], …] by rank
    sa.Column("input_seq", BigInt, nullable=False),
    sa.Column("code_version", sa.String(40), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    info={"kind": "versions", "key": ("domain", "week")},
)
