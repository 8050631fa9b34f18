import json

import pytest
from lxml import html as lxml_html

from pipeline.report_training import MAX_POINTS, MAX_SKIPS, read_training, training_section
from pipeline.storage import Folder


@pytest.fixture
def output(tmp_path):
    return Folder(str(tmp_path))


def write(output, steps, tail="", name="metrics"):
    output.write_text(f"training/{name}.jsonl", "".join(json.dumps(step) + "\n" for step in steps) + tail)


def step(number, loss=5.0, **more):
    return {"step": number, "loss": loss, "learning_rate": 0.001, "gradient_norm": 0.5} | more


def shown(output):
    return lxml_html.fragment_fromstring(training_section(read_training(output)), create_parent=True)


def rows(section):
    return [[cell.text_content() for cell in row] for row in section.xpath(".//tbody/tr")]


def test_without_training_it_says_so(output):
    assert shown(output).text_content() == "No model has been trained on the stream yet."


def test_the_loss_is_drawn_and_told(output):
    write(output, [step(1, 7.6), step(200, 3.25)])
    section = shown(output)
    assert section.xpath(".//figcaption/text()")[0] == (
        "Training loss, from 7.600 at step 1 to 3.250 at step 200, in nats a token."
    )
    assert len(section.xpath(".//polyline")) == 3
    assert ["loss", "7.6", "3.25"] in rows(section)


def test_lines_that_are_no_finite_steps_are_left_out(output):
    write(output, [step(1), [1], {"step": 2}, step(3, float("nan")), step(4, None)], tail='{"st')
    training = read_training(output)
    assert [(point.first, point.last) for point in training.points] == [(1, 1)]
    assert training.last["step"] == 1


@pytest.mark.parametrize("steps", [MAX_POINTS, 2 * MAX_POINTS + 1, 5_003])
def test_many_steps_are_few_points_that_hold_all_of_them(output, steps):
    write(output, [step(n, 9.0 - n / 1000) for n in range(1, steps + 1)])
    points = read_training(output).points
    assert len(points) <= 2 * MAX_POINTS
    assert sum(point.steps for point in points) == steps
    assert [point.first for point in points[1:]] == [point.last + 1 for point in points[:-1]]
    assert (points[0].first, points[-1].last, points[0].high) == (1, steps, 8.999)


def test_a_point_is_the_mean_of_its_steps_and_no_spike_is_lost(output):
    write(output, [step(n, 9.0 if n == 1002 else 2.0) for n in range(1, 2002)])
    points = read_training(output).points
    (spike,) = [point for point in points if point.high == 9.0]
    assert (spike.first, spike.last, spike.low) == (1001, 1004, 2.0)
    assert spike.mean("loss") == (3 * 2.0 + 9.0) / 4
    section = shown(output)
    assert len(section.xpath(".//polygon[@class='band']")) == 1
    assert "A point is the mean of its steps" in section.text_content()
    assert section.xpath("(.//svg)[1]/text/text()")[4:6] == ["step 1", "step 2001"]


def test_a_figure_that_some_steps_lack_is_the_mean_of_those_that_have_it(output):
    write(output, [step(n, gradient_norm=None if n % 2 else 3.0) for n in range(1, 1002)])
    assert read_training(output).points[0].mean("gradient_norm") == 3.0


def test_skipped_steps_are_marked_and_counted_whether_or_not_they_have_a_loss(output):
    write(output, [step(1), step(2, None, skipped=True), step(3, 9.0, skipped=True), step(4, skipped=False)])
    section = shown(output)
    assert len(section.xpath(".//line[@class='mark']")) == 2
    assert "2 of 4 steps changed nothing" in section.text_content()


def test_marks_are_bounded_and_all_skips_counted(output):
    write(output, [step(n, skipped=True) for n in range(1, 301)])
    training = read_training(output)
    assert (len(training.skipped), training.skips) == (MAX_SKIPS, 300)


def test_the_rate_of_clipped_gradients_is_told(output):
    write(output, [step(n, clipped=n <= 3) for n in range(1, 5)])
    assert "Gradient norm by step; clipped in 75.0% of them." in shown(output).text_content()


def held_out(number, **bits):
    figures = {"nats_per_token": 1.5, "documents": 64, "bytes": 120_000, "tokens": 40_000}
    return {"step": number, "sources": {name: figures | {"bits_per_byte": value} for name, value in bits.items()}}


def test_held_out_figures_are_a_table_by_source_and_a_curve_each(output):
    write(output, [step(1), step(2)])
    write(output, [held_out(1, c4=3.0, books=2.5), held_out(2, c4=1.25, books=2.0)], name="evaluation")
    section = shown(output)
    assert rows(section)[:2] == [
        ["books", "2.5000", "2.0000", "1.5000", "64", "120,000", "40,000"],
        ["c4", "3.0000", "1.2500", "1.5000", "64", "120,000", "40,000"],
    ]
    assert "bits per byte at step 2" in section.text_content()
    assert len(section.xpath(".//polyline")) == 3 + 2


def test_one_evaluation_is_a_table_alone_and_broken_lines_are_left_out(output):
    write(output, [step(1)])
    broken = [{"step": 1}, {"sources": {"c4": {}}}, {"step": 1, "sources": 3}, {"step": 2, "sources": {"c4": "x"}}]
    write(output, [held_out(1, c4=3.0, books=float("nan")), *broken], tail='{"', name="evaluation")
    section = shown(output)
    assert rows(section)[0] == ["c4", "3.0000", "3.0000", "–", "–", "–", "–"]
    assert len(section.xpath(".//polyline")) == 3
