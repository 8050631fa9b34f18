"""Imported by the process that workers are forked from: all that is slow to load, for them to share."""

import pipeline.join_work
import pipeline.pool
import pipeline.verify_work
import pipeline.work  # noqa: F401
from tokenizer.kernels import load_kernels

load_kernels()
