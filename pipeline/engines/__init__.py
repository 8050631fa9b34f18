"""Engines other than the embedded one: Beam flags that we set, what is checked before any work, how failures read."""
