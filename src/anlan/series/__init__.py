"""Observations and records: versions, as-of questions, dense cache."""
