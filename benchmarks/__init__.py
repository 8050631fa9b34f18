"""One command a claim; the reference is measured in the same run."""
