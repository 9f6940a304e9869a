"""Which instance gets a request, and which gets none: state machines that are told the time."""
