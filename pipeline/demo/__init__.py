"""Raw dumps for the demo, one module a source, built from what is on the machine."""
