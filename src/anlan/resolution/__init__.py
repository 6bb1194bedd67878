"""Matters: workflows, deadlines, proof of closure (not furnished yet)."""
