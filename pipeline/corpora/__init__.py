"""One corpus a file: its raw format, and the rules it goes through."""
