"""The dead letters: look at them, send them back to where they came from."""
