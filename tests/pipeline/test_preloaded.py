"""What workers share has been loaded before the first of them starts."""

import subprocess
import sys

PROGRAM = """
import pipeline.preloaded
from tokenizer.kernels import KERNELS
print({len(kernel.signatures) for kernel in KERNELS})
"""


def test_all_kernels_are_loaded():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "{1}\n"
