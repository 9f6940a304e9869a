"""Checkers: pure functions from a history to a verdict. The docstring is the specification."""
