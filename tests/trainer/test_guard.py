import pytest
import torch

from trainer.guard import ENOUGH, HISTORY, Guard

INF, NAN = float("inf"), float("nan")


def judge(guard: Guard, loss: float, norm: float = 1.0, sigma: float = 6.0) -> bool:
    return bool(guard.judge(torch.tensor(loss), torch.tensor(norm), sigma))


def calm(steps: int, seed: int = 0) -> list[tuple[float, float]]:
    """Losses about 3 and norms about 1, a tenth around."""
    noise = torch.randn((steps, 2), generator=torch.Generator().manual_seed(seed))
    return [(3.0 + 0.1 * loss, 1.0 + 0.1 * norm) for loss, norm in noise.tolist()]


def trained(steps: int) -> Guard:
    guard = Guard(torch.device("cpu"))
    for loss, norm in calm(steps):
        assert judge(guard, loss, norm)
    return guard


@pytest.mark.parametrize("loss, norm", [(9.0, 1.0), (3.0, 5.0), (9.0, 5.0)])
def test_a_spike_of_loss_or_norm_is_skipped(loss, norm):
    assert not judge(trained(ENOUGH), loss, norm)


@pytest.mark.parametrize("loss, norm", [(3.4, 1.0), (3.0, 1.4), (0.0, 0.0)])
def test_what_lies_within_six_sigma_or_below_is_taken(loss, norm):
    assert judge(trained(ENOUGH), loss, norm)


@pytest.mark.parametrize("sigma, taken", [(5.19, False), (5.21, True)])
@pytest.mark.parametrize("steps", [ENOUGH, HISTORY, 2 * HISTORY + 32])
def test_the_limit_is_so_many_standard_deviations_above_the_mean(sigma, taken, steps):
    guard = Guard(torch.device("cpu"))
    for step in range(steps):
        judge(guard, 2.0 + step % 2, sigma=0.0)
    held = min(steps, HISTORY)
    deviation = (0.25 * held / (held - 1)) ** 0.5
    assert judge(guard, 2.5 + 5.2 * deviation, sigma=sigma) == taken


@pytest.mark.parametrize("loss, norm", [(NAN, 1.0), (INF, 1.0), (-INF, 1.0), (3.0, NAN), (3.0, INF)])
@pytest.mark.parametrize("steps", [0, ENOUGH, HISTORY + 3])
@pytest.mark.parametrize("sigma", [0.0, 6.0])
def test_what_is_not_finite_is_always_skipped_and_leaves_the_statistics(loss, norm, steps, sigma):
    guard = trained(steps)
    before = {name: tensor.clone() for name, tensor in guard.tensors().items() if name != "skipped"}
    assert not judge(guard, loss, norm, sigma)
    assert all(torch.equal(guard.tensors()[name], tensor) for name, tensor in before.items())
    assert judge(guard, 3.0)


def test_a_spike_makes_no_room_for_the_next():
    guard = trained(ENOUGH)
    assert [judge(guard, loss) for loss in (9.0, 9.0, 9.0, 4.0, 3.0)] == [False, False, False, False, True]


def test_sigma_zero_skips_no_spike():
    assert judge(trained(ENOUGH), 1000.0, 1000.0, sigma=0.0)


@pytest.mark.parametrize("steps, taken", [(0, True), (1, True), (ENOUGH - 1, True), (ENOUGH, False)])
def test_a_spike_is_known_only_after_enough_steps(steps, taken):
    assert judge(trained(steps), 9.0) == taken


def test_steps_of_long_ago_are_forgotten():
    guard = trained(HISTORY)
    for _ in range(2):  # Up to a new level, without a jump of six sigma.
        for step in range(HISTORY):
            judge(guard, 9.0 + step % 2, sigma=0.0)
    assert judge(guard, 11.0)
    assert not judge(guard, 20.0)
    assert guard.tensors()["losses"].min() == 9.0


def test_the_ring_holds_the_last_steps_that_were_taken():
    guard = Guard(torch.device("cpu"))
    for step in range(HISTORY + 5):
        judge(guard, NAN)
        judge(guard, float(step), norm=2.0 * step, sigma=0.0)
    assert sorted(guard.tensors()["losses"].tolist()) == [float(step) for step in range(5, HISTORY + 5)]
    assert sorted(guard.tensors()["norms"].tolist()) == [2.0 * step for step in range(5, HISTORY + 5)]


def test_skips_in_a_row_are_counted_until_a_step_is_taken():
    guard = trained(ENOUGH)
    counts = []
    for loss in (9.0, NAN, 9.0, 3.0, NAN):
        judge(guard, loss)
        counts.append(int(guard.consecutive()))
    assert counts == [1, 2, 3, 0, 1]


@pytest.mark.parametrize("steps", [10, ENOUGH, HISTORY + 40])
def test_a_guard_of_anothers_tensors_judges_as_it_does(steps):
    guard, resumed = trained(steps), Guard(torch.device("cpu"))
    judge(guard, NAN)
    for name, tensor in resumed.tensors().items():
        tensor.copy_(guard.tensors()[name])
    assert int(resumed.consecutive()) == 1
    later = [*calm(30, seed=1), (9.0, 1.0), *calm(100, seed=2), (3.0, 9.0), (3.7, 1.0)]
    assert [judge(guard, *figures) for figures in later] == [judge(resumed, *figures) for figures in later]
    assert all(torch.equal(ours, resumed.tensors()[name]) for name, ours in guard.tensors().items())


def test_equal_losses_are_no_spike():
    guard = Guard(torch.device("cpu"))
    assert all(judge(guard, 0.1, 0.1) for _ in range(2 * HISTORY))
