"""A request's way: sockets on both sides, and between them what is decided for it. Hot."""
