"""Detectors on count series, one method a module; every one takes many series at once."""
