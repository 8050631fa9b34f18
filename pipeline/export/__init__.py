"""Command `export`: the ids of a run in the files of other trainers."""
