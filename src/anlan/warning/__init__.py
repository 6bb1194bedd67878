"""Compose, release and publish warnings; CAP 1.2 is their form outside."""
