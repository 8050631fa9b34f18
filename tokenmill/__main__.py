"""`python -m tokenmill VERB` is `tokenmill VERB`."""

from tokenmill.entry_points import tokenmill

tokenmill()
