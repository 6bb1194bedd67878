"""Areas, sites, organisations, people, indicators, sources and the pack format."""
