"""Triage of signals and the risk assessment that leads to a level."""
