"""What the installed commands call. Other packages are imported by name, once each of them is known to be ours."""

import sys
from importlib import import_module
from typing import NoReturn

from tokenmill.shadowed import find_shadowed


def tokenmill() -> NoReturn:
    """The command `tokenmill`."""
    _start("pipeline.cli")


def trainer() -> NoReturn:
    """The command `tokenmill-trainer`."""
    _start("trainer.cli")


def worker() -> NoReturn:
    """The command `tokenmill-worker`."""
    _start("pipeline.engines.worker_boot")


def java() -> NoReturn:
    """The command `tokenmill-java`."""
    _start("pipeline.engines.java_boot")


def _start(module: str) -> NoReturn:
    if hidden := find_shadowed():
        sys.stderr.writelines(f"error: {package}\n" for package in hidden)
        sys.exit(2)
    sys.exit(import_module(module).main())
