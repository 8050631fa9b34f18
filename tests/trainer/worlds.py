"""Several processes of one training, for tests: started as `torchrun` starts them, ended with the test."""

import multiprocessing
import os
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch.distributed import TCPStore

# Processes are forked from one that has imported all this already, which takes longer than what they do.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["pytest", "torch._dynamo", "torch._inductor.compile_fx", "trainer.step", "trainer.train"]
)


def in_processes(
    size: int, function: Callable[..., Any], *arguments: Any, seconds: float = 120.0, may_die: bool = False
) -> list[Any]:
    """What `function(*arguments)` gives in each of `size` processes that see torchrun's environment.

    Raises AssertionError with the traceback of the first process that failed, or where they took too long. None of
    them outlives the call. With `may_die` a process that was killed gives None.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # Port 0: any that is free.
    pipes = [_FORKS.Pipe(duplex=False) for _ in range(size)]
    processes = [
        _FORKS.Process(target=_run, args=(rank, size, store.port, sender, function, arguments), daemon=True)
        for rank, (_, sender) in enumerate(pipes)
    ]
    try:
        for process, (_, sender) in zip(processes, pipes, strict=True):
            process.start()
            sender.close()
        return _gathered([receiver for receiver, _ in pipes], time.monotonic() + seconds, may_die)
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _gathered(receivers: list[Connection], deadline: float, may_die: bool) -> list[Any]:
    results: dict[int, Any] = {}
    waiting = dict(enumerate(receivers))
    while waiting:
        ready = multiprocessing.connection.wait(list(waiting.values()), max(0.0, deadline - time.monotonic()))
        assert ready, f"processes {sorted(waiting)} of {len(receivers)} took too long"
        for rank in [rank for rank, receiver in waiting.items() if receiver in ready]:
            try:
                failure, results[rank] = waiting.pop(rank).recv()
            except EOFError:
                failure, results[rank] = None if may_die else "died", None
            assert failure is None, f"process {rank} of {len(receivers)}: {failure}"
    return [results[rank] for rank in range(len(receivers))]


def _run(
    rank: int, size: int, port: int, sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """In the new process: warnings are errors here too."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0",
    }  # fmt: skip
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")  # The compiler's own look.
    torch.set_num_threads(1)
    try:
        sender.send((None, function(*arguments)))
    except BaseException:  # noqa: BLE001  # The parent raises it.
        sender.send((traceback.format_exc(), None))
