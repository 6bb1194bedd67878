"""Published rules as functions, versioned by the date of the data."""
