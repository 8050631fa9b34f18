"""`tokenmill plan`: a seeded sample of the units through the real stages, and what the whole run will take."""
