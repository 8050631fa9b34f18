"""What a run costs by the recipe's table of prices."""

from pipeline.planning.estimate import Estimate
from pipeline.recipe import Prices

HOUR, GB = 3600.0, 1e9
REQUESTS_A_FILE = 2.0
"""A file is written once and read about once."""


def money(
    prices: Prices,
    *,
    workers: int,
    wall: Estimate,
    memory: Estimate,
    shuffle: Estimate,
    output: Estimate,
    files: Estimate,
) -> dict[str, Estimate]:
    """What each thing costs, by its price; workers are paid for as long as the run lasts, idle or not."""
    hours = wall.times(workers / HOUR)
    found = {
        "vcpu": hours.times(prices.vcpu_hour),
        "memory": hours.times(memory.times(prices.memory_gb_hour / GB)),
        "shuffle": shuffle.times(prices.shuffle_gb / GB),
        "storage": output.times(prices.storage_gb_month / GB),
        "requests": files.times(REQUESTS_A_FILE * prices.thousand_requests / 1000),
    }
    return {name: cost for name, cost in found.items() if cost.value}
