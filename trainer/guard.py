"""Which steps are taken and which skipped: all of it on the device, so that nobody waits for the answer.

Source: allenai/OLMo-core, optim/skip_step_optimizer.py: loss and gradient norm within six standard deviations of the
mean of the last 128, once there are 64.
Differs: only what lies above is skipped; what is not finite is skipped always; and nothing that was skipped enters the
statistics, since a NaN would make all later ones NaN, and a spike would make room for the next.
"""

import torch
from torch import Tensor

HISTORY = 128
ENOUGH = 64  # Below this a standard deviation says little, and the first steps differ most.


class Guard:
    """Losses and gradient norms of the last steps that were taken."""

    def __init__(self, device: torch.device) -> None:
        self._losses = torch.zeros(HISTORY, dtype=torch.float64, device=device)
        self._norms = torch.zeros(HISTORY, dtype=torch.float64, device=device)
        self._accepted = torch.zeros((), dtype=torch.int64, device=device)
        self._skipped = torch.zeros((), dtype=torch.int64, device=device)
        self._places = torch.arange(HISTORY, device=device)

    def tensors(self) -> dict[str, Tensor]:
        """All that its judgements depend on, for a checkpoint: its own tensors, to be written or read into."""
        return {
            "losses": self._losses,
            "norms": self._norms,
            "accepted": self._accepted,
            "skipped": self._skipped,
        }

    def consecutive(self) -> Tensor:
        """How many steps in a row were skipped, up to the last: an int64 scalar on the device."""
        return self._skipped

    @torch.no_grad()
    def judge(self, loss: Tensor, norm: Tensor, sigma: float) -> Tensor:
        """Whether to take the step of a loss and a gradient norm, scalars on the device: a boolean scalar there.

        `sigma` = 0 skips only what is not finite.
        """
        loss, norm = loss.double(), norm.double()
        apply = loss.isfinite() & norm.isfinite()
        if sigma:
            is_calm = (loss <= self._limit(self._losses, sigma)) & (norm <= self._limit(self._norms, sigma))
            apply &= is_calm | (self._accepted < ENOUGH)
        # By a mask: an index that lies on the device would have to be waited for.
        is_here = (self._places == self._accepted % HISTORY) & apply
        for ring, value in ((self._losses, loss), (self._norms, norm)):
            ring.copy_(torch.where(is_here, value, ring))
        self._accepted.add_(apply)
        self._skipped.add_(1).mul_(~apply)
        return apply

    def _limit(self, ring: Tensor, sigma: float) -> Tensor:
        """Mean and `sigma` standard deviations of what the ring holds."""
        count = self._accepted.clamp(max=HISTORY)
        mean = ring.sum() / count
        deviations = (ring - mean).masked_fill(self._places >= count, 0.0)
        return mean + sigma * (deviations.square().sum() / (count - 1)).sqrt()
