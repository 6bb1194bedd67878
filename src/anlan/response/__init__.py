"""Plans, incidents, command posts, tasks, teams, supplies (not furnished yet)."""
