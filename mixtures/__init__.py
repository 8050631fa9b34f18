"""Which tokens, how often, and in what order."""
