import json
from pathlib import Path

import pytest

from benchmarks.gpu_parts import PARTS
from benchmarks.gpu_results import RESULTS, extrapolated, predictions, results_page


def result(part, status="measured", rate=14_000.0, **found):
    figures = {
        "tokens_per_second_per_gpu": {"median": rate, "min": rate - 10, "max": rate + 10},
        "mfu_full": 0.606, "mfu_causal": 0.584, "products_of_measured": 0.9, "steps": 8,
        "memory": {"reserved_bytes": 127 * 2**30},
        "versions": {"torch": "2.11.0"}, "code": "0123456789ab",
    }  # fmt: skip
    return {"part": part, "status": status, "device": "NVIDIA H200", "found": figures | found}


def page_of(tmp_path, *results):
    (tmp_path / "nvidia-h200").mkdir(exist_ok=True)
    for one in results:
        (tmp_path / "nvidia-h200" / f"{one['part']}.json").write_text(json.dumps(one))
    return results_page(tmp_path)


def row(page, part):
    return next(line for line in page.splitlines() if line.startswith(f"| {part} |")).split(" | ")


def test_the_page_beside_the_results_is_fresh():
    fresh = "python -m benchmarks.gpu --table > benchmarks/results/README.md"
    assert (RESULTS / "README.md").read_text() == results_page(RESULTS), fresh


def test_before_anything_was_measured_there_are_predictions(tmp_path):
    page = results_page(tmp_path / "none")
    assert "## Not measured yet" in page
    assert row(page, "6.7b")[2:7] == ["13,160 / 14,460 / 15,540", "12,300", "14,500", "15,200", "not measured"]
    assert row(page, "1.3b")[3:5] == ["56,500", "65,000"]


def test_what_was_measured_stands_beside_what_was_predicted(tmp_path):
    page = page_of(tmp_path, result("6.7b"))
    assert "## NVIDIA H200" in page
    assert row(page, "6.7b")[6:] == ["**14,000** (13,990 to 14,010)", "60.6%", "58.4%", "90.0%", "127.0", "8 |"]
    assert "With torch 2.11.0; the trainer's code is 0123456789ab." in page
    assert row(page, "1.3b")[6] == "not measured"


@pytest.mark.parametrize("status", ["refused", "skipped", "failed"])
def test_a_part_without_figures_says_why(tmp_path, status):
    one = {"part": "6.7b", "status": status, "reason": "113 GiB of 79 GiB", "device": "NVIDIA H100 80GB HBM3"}
    assert row(page_of(tmp_path, one), "6.7b")[6] == f"{status}: 113 GiB of 79 GiB"


def test_shares_of_an_unknown_peak_are_left_out(tmp_path):
    assert row(page_of(tmp_path, result("6.7b", mfu_full="n/a", mfu_causal="n/a")), "6.7b")[7:9] == ["-", "-"]


def test_tests_and_probe_have_words(tmp_path):
    rates = {"model": 690e12, "square": {"forward": 790e12}}
    probe = {"products": {"flops_per_second": rates, "copy_bytes_per_second": 4.3e12}}
    page = page_of(
        tmp_path,
        {"part": "tests", "status": "measured", "device": "d", "found": {"passed": 40, "skipped": 2}},
        {"part": "probe", "status": "measured", "device": "d", "found": probe},
    )
    assert row(page, "tests")[6] == "40 passed, 2 skipped"
    assert row(page, "probe")[6] == "products 690 TFLOP/s, square 790; copy 4.30 TB/s"


def test_a_slice_is_extrapolated_by_what_two_layers_take():
    # Two layers take 0.2 ms and four 0.3 ms, so each layer 0.05 ms and all 80 of them 4.1 ms.
    found = {"65b-slice": result("65b-slice", rate=1 / 0.3e-3), "65b-slice-2": result("65b-slice-2", rate=1 / 0.2e-3)}
    assert extrapolated(found) == pytest.approx(1 / 4.1e-3)
    assert extrapolated({"65b-slice": found["65b-slice"]}) is None


def test_a_slice_shows_what_the_whole_would_reach(tmp_path):
    page = page_of(tmp_path, result("65b-slice", rate=20_000.0), result("65b-slice-2", rate=35_000.0))
    assert row(page, "65b-slice")[6].endswith("; all 80 layers: **1,157**")


def test_goals_rise_and_belong_to_parts():
    assert set(predictions()) <= set(PARTS)
    for goals in predictions().values():
        ordered = [goals[name] for name in ("floor", "target", "stretch") if name in goals]
        assert ordered == sorted(ordered)
        assert goals.get("predicted", []) == sorted(goals.get("predicted", []))


def test_results_are_under_version_control():
    assert Path(RESULTS).name == "results" and (RESULTS / "README.md").exists()
