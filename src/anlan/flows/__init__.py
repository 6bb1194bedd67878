"""What crosses rooms: handlers of journal events and read-models such as the duty board."""
