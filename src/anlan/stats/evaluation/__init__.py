"""Simulation, back-test measures and alarm budgets (not furnished yet)."""
