"""Loaded by each Python process of a command under test, where PYTHONPATH leads here: makes units fail.

FAULT is a JSON object: what a unit's name begins with, and how it fails. It fails where it is cleaned, in a worker.
"""

import importlib.abc
import importlib.util
import json
import os
import signal
import sys

FAULTS = json.loads(os.environ.get("FAULT", "{}"))
MODULE = "pipeline.stages"


def fail(how):
    if how == "raise":
        raise ValueError("no good can come of it\nat all")
    if how == "memory":
        bytearray(1 << 50)  # More than any machine gives.
    if how == "fill":
        held = [bytearray(os.urandom(1 << 20)) * 64 for _ in range(1 << 20)]  # Until somebody ends it.
        raise AssertionError(len(held))
    os.kill(os.getpid(), getattr(signal, how))


class Faulty(importlib.abc.MetaPathFinder):
    """Finds the module as it would be found without it, and changes it when it is loaded."""

    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            process = module.Clean.process

            def faulty(stage, run, unit):
                for start, how in FAULTS.items():
                    if unit.name.startswith(start):
                        fail(how)
                return process(stage, run, unit)

            module.Clean.process = faulty

        spec.loader.exec_module = exec_module
        return spec


if FAULTS:
    sys.meta_path.insert(0, Faulty())
