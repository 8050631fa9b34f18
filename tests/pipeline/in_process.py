"""The work of `verify` without an engine."""

from pipeline.exchange import straight_to
from pipeline.verify_work import VerifyWork


def do_here(work: VerifyWork) -> None:
    """Send, judge and receive, all in this process."""
    blocks: dict[int, list[bytes]] = {}
    for index, _ in work.senders():
        for key, block in work.send(index):
            blocks.setdefault(key, []).append(block)
    for partition in sorted(key for key in blocks if key >= 0):
        assert list(work.judge(0, partition, iter(blocks[partition]))) == []
    for index in work.receivers():
        work.receive(index, iter(blocks.get(straight_to(index), [])))
