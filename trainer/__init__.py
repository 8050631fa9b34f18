"""Token shards to a model: the only package that imports torch."""
