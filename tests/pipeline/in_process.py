"""The work of `verify` without an engine."""

from pipeline.exchange import straight_to
from pipeline.verify_work import VerifyWork


def do_here(work: VerifyWork) -> None:
    """Sketch, judge and apply all pieces in this process."""
    blocks: dict[int, list[bytes]] = {}
    for index, _ in work.sketched():
        for key, block in work.sketch(index):
            blocks.setdefault(key, []).append(block)
    for partition in sorted(key for key in blocks if key >= 0):
        assert list(work.judge(0, partition, iter(blocks[partition]))) == []
    for index in work.applied():
        work.apply(index, iter(blocks.get(straight_to(index), [])))
