"""Where callers come in: addresses, TLS, PROXY headers."""
