import pytest
import torch

from trainer.errors import SettingsError
from trainer.parallel import World
from trainer.prepare import device_kind, fitted, set_up_torch

ALONE = World(device=torch.device("cpu"))


@pytest.mark.parametrize(
    "asked, has_gpu, found", [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu")]
)
def test_a_gpu_is_taken_where_there_is_one_and_it_is_not_refused(monkeypatch, asked, has_gpu, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert device_kind(asked) == found


def test_a_gpu_that_is_not_there_is_a_wrong_setting(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"^--device cuda: torch sees no GPU here$"):
        device_kind("cuda")


def test_sums_on_a_cpu_are_deterministic_and_threads_are_those_of_the_settings(tiny):
    set_up_torch(tiny(threads=2), ALONE)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("deterministic", [True, False])
def test_sums_on_a_gpu_are_deterministic_where_that_is_asked_for(tiny, monkeypatch, deterministic):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    set_up_torch(tiny(deterministic=deterministic), World(device=torch.device("cuda", 0)))
    assert torch.are_deterministic_algorithms_enabled() == deterministic


@pytest.mark.parametrize("asked, found", [(0, 4), (3, 3)])
def test_a_micro_batch_of_zero_is_chosen_and_another_left(array_stream, tiny, asked, found):
    config = fitted(tiny(batch_sequences=8, micro_batch_sequences=asked), array_stream(), ALONE)
    assert config.micro_batch_sequences == found


def test_a_stream_that_does_not_fit_is_refused_before_anything_is_chosen(array_stream, tiny):
    with pytest.raises(SettingsError, match=r"steps \* batch_sequences must be at most 64"):
        fitted(tiny(steps=100), array_stream(), ALONE)
