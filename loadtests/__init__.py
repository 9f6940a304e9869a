"""Load, the live view, and the verdict on what was acknowledged."""
