"""Who there is, and whether they are ready."""
