"""Rules look at series and raise signals, with evidence."""
