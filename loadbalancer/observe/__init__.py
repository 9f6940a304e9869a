"""What it tells: logs, numbers, events, and the admin listener."""
