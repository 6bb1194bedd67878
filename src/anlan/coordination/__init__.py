"""Sharing agreements, exchange between nodes, bulletins, targets (not furnished yet)."""
