"""Numerics only: arrays in, arrays out. No files, no database, no clock, no tables."""
