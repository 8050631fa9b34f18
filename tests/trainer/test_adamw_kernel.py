import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")

from trainer import adamw_kernel
from trainer.optimizer import plain_update

CHECKS = (
    "float32_weights", "bfloat16_weights_and_remainders", "bfloat16_gradients", "the_bits_of_a_cpu",
    "a_skipped_step_touches_nothing", "sizes_that_differ_are_refused", "a_wrong_kernel_is_found_out",
)  # fmt: skip
INTERPRETED = """
import json, traceback, torch, adamw_checks
failures = {}
for check in adamw_checks.CHECKS:
    try:
        check(torch.device("cpu"))
        failures[check.__name__] = ""
    except Exception:
        failures[check.__name__] = traceback.format_exc()
print(json.dumps(failures))
"""


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    """What went wrong in each check of the kernel, run by triton's interpreter."""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here.parent.parent), str(here)])
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    run = subprocess.run(
        [sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("check", CHECKS)
def test_interpreted_the_kernel_does_what_the_plain_update_does(failures, check):
    assert failures[check] == ""


def test_every_check_is_listed(failures):
    assert tuple(failures) == CHECKS


def test_where_the_kernel_does_not_run_the_reason_is_given():
    assert re.match(r"\w*Error: .", adamw_kernel.find_problem(plain_update, torch.device("cpu")))


@pytest.fixture(scope="module", params=[False, True], ids=["float32", "halves"])
def assembly(request, tmp_path_factory) -> str:
    """The kernel as compiled for a Hopper GPU, which takes none."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    kernel, is_split = adamw_kernel._adamw, request.param
    weight = "*i16" if is_split else "*fp32"
    kinds = (weight, weight, *["*fp32"] * 4, "i64", *["constexpr"] * 3)
    source = ASTSource(
        kernel,
        dict(zip(kernel.arg_names, kinds, strict=True)),
        {"IS_SPLIT": is_split, "DECAYS": True, "BLOCK": 1024},
        {(index,): [["tt.divisibility", 16]] for index in range(7)},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        compiled = compile(source, target=GPUTarget("cuda", 90, 32), options=adamw_kernel._OPTIONS)
    return str(compiled.asm["ptx"])


def test_compiled_no_product_is_fused_into_a_sum_and_no_subnormal_flushed(assembly):
    assert not re.findall(r"\bfma\.|\.ftz|\.approx|\.full", assembly)


def test_compiled_every_operation_is_rounded_by_ieee_754(assembly):
    operations = re.findall(r"^\s+(\w+)(\.rn)?\.f32\b", assembly, re.M)
    assert {name for name, _ in operations} == {"mul", "add", "sub", "sqrt", "div"}
    assert all(rounding for _, rounding in operations)


def test_compiled_numbers_are_loaded_sixteen_bytes_at_once(assembly):
    wide = len(re.findall(r"ld\.global\.v4\.b32", assembly))
    single = re.findall(r"ld\.global\.b32", assembly)
    assert wide == 8
    assert len(single) == 8  # The coefficients.
