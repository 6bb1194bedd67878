"""Spatial and space-time scan statistics (not furnished yet)."""
