"""Pages and JSON interface: a thin coat over the rooms."""
