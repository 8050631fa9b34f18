import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from trainer import hardware
from trainer.hardware import Sampler, code_version, device_bytes, device_facts, versions

CUDA = torch.device("cuda", 0)


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """`smi(answer)`: an nvidia-smi that prints this, whatever it is asked."""
    monkeypatch.setattr(hardware, "_id", lambda device: "GPU-1")

    def install(answer, code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


def sampled(until=1):
    with Sampler(CUDA, seconds=0.005) as sampler:
        begun = time.monotonic()
        while sampler.summary()["samples"] < until and time.monotonic() - begun < 0.3:
            time.sleep(0.005)
    return sampler.summary()


@pytest.mark.parametrize("uuid", ["11b2-7a", "GPU-11b2-7a"])
def test_a_gpu_is_asked_for_by_what_is_its_own(monkeypatch, uuid):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuid))
    assert hardware._id(CUDA) == "GPU-11b2-7a"


def test_a_gpu_has_facts_and_a_memory(monkeypatch, smi):
    smi("700.00, 1980, 3201")
    properties = SimpleNamespace(name="NVIDIA H200", total_memory=150, major=9, minor=0, multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    facts = device_facts(CUDA)
    assert (facts["name"], facts["capability"], facts["multiprocessors"]) == ("NVIDIA H200", "9.0", 132)
    assert facts["limits"] == {"power.limit": 700.0, "clocks.max.sm": 1980.0, "clocks.max.mem": 3201.0}
    assert device_bytes(CUDA) == facts["memory_bytes"] == 150


def test_a_processor_has_no_memory_of_its_own():
    assert device_bytes(torch.device("cpu")) is None


def test_clocks_and_power_are_sampled(smi):
    smi("1755, 2619, 688.5, 61")
    summary = sampled()
    assert summary["sm_mhz"] == {"min": 1755.0, "median": 1755.0, "max": 1755.0}
    assert (summary["memory_mhz"]["max"], summary["watts"]["median"]) == (2619.0, 688.5)
    assert summary["celsius"]["min"] == 61.0


def test_what_the_driver_does_not_say_is_not_available(smi):
    smi("1755, [N/A], 688.5, 61")
    assert sampled()["memory_mhz"] == "n/a"


@pytest.mark.parametrize("answer, code", [("no devices were found", 0), ("1, 2, 3, 4", 6), ("", 0)])
def test_without_an_answer_there_are_no_samples(smi, answer, code):
    smi(answer, code)
    assert sampled() == {"samples": 0, "sm_mhz": "n/a", "memory_mhz": "n/a", "watts": "n/a", "celsius": "n/a"}


def test_a_machine_without_the_program_has_no_samples(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert sampled()["samples"] == 0


def test_nothing_is_asked_about_a_cpu(smi):
    smi("1755, 2619, 688.5, 61")
    with Sampler(torch.device("cpu"), seconds=0.001) as sampler:
        time.sleep(0.05)
    assert sampler.summary()["samples"] == 0


def test_a_processor_is_named():
    facts = device_facts(torch.device("cpu"))
    assert facts["name"]
    assert (facts["kind"], facts["threads"]) == ("cpu", torch.get_num_threads())


def test_a_processor_is_named_where_the_system_does_not_say(monkeypatch):
    def refuse(_path):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert device_facts(torch.device("cpu"))["name"]


def test_versions_are_text_that_goes_into_json():
    found = versions()
    assert found["torch"] == torch.__version__
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"tokenmill", "python", "torch", "cuda", "cudnn", "triton"}


def test_the_code_has_a_version_that_follows_from_its_files(tmp_path, monkeypatch):
    def version_of(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(hardware, "__file__", str(tmp_path / "hardware.py"))
        code_version.cache_clear()
        return code_version()

    first = version_of(model="x = 1\n", step="y = 2\n")
    assert version_of(model="x = 1\n") == first
    assert version_of(model="x = 2\n") != first
    assert len(first) == 12
    code_version.cache_clear()
