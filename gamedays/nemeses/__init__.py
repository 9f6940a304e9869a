"""Nemeses: do a fault and undo it, from the host, by the commands that a person has too."""
