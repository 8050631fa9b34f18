"""What an engine does between rounds, with blocks in another order each time."""

import collections
import random
from functools import partial

from pipeline.rounds import LookAgain


def verdicts_of(rounds, units, seed=0, sizes=None):
    """Each unit's blocks after the last round; `units` are lists of batches, `sizes` takes the bytes of each round."""
    shuffle = random.Random(seed).shuffle
    keyed = [item for unit, batches in enumerate(units) for item in rounds.sketch(unit, batches)]
    for judge in rounds.judges:
        if sizes is not None:
            sizes.append(sum(len(block) for _, block in keyed))
        told = judge
        if isinstance(judge, LookAgain):
            told = partial(_looked_again, judge.judge, units)
        keyed = [item for partition, blocks in _grouped(keyed, shuffle) for item in told(partition, iter(blocks))]
    found = dict(_grouped(keyed, shuffle))
    return [iter(found.get(unit, [])) for unit in range(len(units))]


def _looked_again(judge, units, unit, blocks):
    return judge(unit, blocks, iter(units[unit]))


def _grouped(keyed, shuffle):
    groups = collections.defaultdict(list)
    for key, block in keyed:
        groups[key].append(block)
    for blocks in groups.values():
        shuffle(blocks)
    return sorted(groups.items())
