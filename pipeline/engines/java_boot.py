"""`tokenmill-java`: Java for job servers, which ends with the command that starts it, however that ends.

Beam stops a job server when the command exits. Of a command that is killed it would go on with the job, hold the
cluster's executors, and write beside the run that comes after.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Become Java with the same arguments."""
    starter = os.getppid()
    if sys.platform == "linux":
        # Kept when the process becomes another program. It is sent when the thread ends that started us: the main one.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != starter:  # It was gone before the system knew.
            sys.exit(1)
    os.execvp("java", ["java", *sys.argv[1:]])


def launcher_path() -> Path:
    """Where `tokenmill-java` lies, where it is installed: beside this Python."""
    return Path(sys.executable).with_name("tokenmill-java")
