import pytest
from lxml import etree

from pipeline.report_charts import HEIGHT, WIDTH, bar_chart, histogram_chart, line_chart


def parsed(chart):
    return etree.fromstring(chart)


def drawn(curves, **more):
    return parsed(line_chart(curves, label="Loss", x_name="step", y_name="nats", **more))


def test_a_curve_runs_from_top_left_to_bottom_right_when_the_loss_falls():
    chart = drawn({"": [(0, 8.0), (50, 5.0), (100, 2.0)]})
    points = [tuple(map(float, point.split(","))) for point in chart.find("polyline").get("points").split()]
    assert points == [(56.0, 266.0 - 252.0), (382.0, 140.0), (WIDTH - 12.0, HEIGHT - 34.0)]


def test_the_scale_names_the_smallest_and_the_largest_value():
    chart = drawn({"": [(1, 8.0), (100, 2.0)]})
    assert chart.xpath("//text/text()") == ["2.00", "4.00", "6.00", "8.00", "step 1", "step 100", "nats"]


@pytest.mark.parametrize("points", [[(1, 3.0)], [(1, 3.0), (2, 3.0)]])
def test_a_flat_curve_or_a_single_step_can_be_drawn(points):
    curve = drawn({"": points}).find("polyline").get("points")
    assert "nan" not in curve
    assert len(curve.split()) == len(points)


def test_each_of_several_curves_has_its_name_and_its_colour():
    chart = drawn({"c4": [(1, 8.0), (9, 2.0)], "<books>": [(1, 7.0)]})
    assert [curve.get("class") for curve in chart.iter("polyline")] == ["curve c0", "curve c1"]
    assert chart.xpath("//text/text()")[-2:] == ["c4", "<books>"]


def test_a_band_is_as_high_as_what_it_covers_and_marks_stand_where_they_belong():
    chart = drawn({"": [(0, 5.0), (100, 4.0)]}, band=[(0, 5.0, 8.0), (100, 2.0, 6.0)], marks=[50])
    assert chart.find("polygon").get("points") == "56.0,140.0 708.0,266.0 708.0,98.0 56.0,14.0"
    (mark,) = chart.xpath("//line[@class='mark']")
    assert (mark.get("x1"), mark.get("x2")) == ("382.0", "382.0")


def test_a_small_chart_is_half_as_wide_and_its_scale_tells_small_numbers_apart():
    chart = drawn({"": [(1, 3e-4), (250_000, 3e-5)]}, small=True)
    assert chart.get("viewBox") == f"0 0 {WIDTH // 2} 200"
    assert chart.xpath("//text/text()") == ["3.0e-05", "1.2e-04", "2.1e-04", "3.0e-04", "step 1", "step 250000", "nats"]


def test_a_bar_shows_what_is_kept_of_what_came_in():
    chart = parsed(bar_chart([("web", 50, 200), ("<books>", 100, 100)], label="Bytes"))
    assert [float(bar.get("width")) for bar in chart.iter("rect")] == [530.0, 132.5, 265.0, 265.0]
    assert chart.xpath("//text/text()") == ["web", "25%", "<books>", "100%"]


def test_bars_of_nothing_can_be_drawn():
    chart = parsed(bar_chart([("web", 0, 0)], label="Bytes"))
    assert chart.xpath("//text/text()") == ["web", "0%"]
    assert [bar.get("width") for bar in chart.iter("rect")] == ["0.0", "0.0"]


def test_two_groups_stand_side_by_side_in_each_bin():
    chart = parsed(histogram_chart([("cited", [0.25, 0.75]), ("other", [1.0, 0.0])], label="Scores"))
    bars = [bar for bar in chart.iter("rect") if bar.get("height") != "10"]
    assert [(bar.get("class"), float(bar.get("x")), float(bar.get("width"))) for bar in bars] == [
        ("lost", 56.0, 163.0),
        ("lost", 382.0, 163.0),
        ("kept", 219.0, 163.0),
        ("kept", 545.0, 163.0),
    ]
    assert [float(bar.get("height")) for bar in bars] == [63.0, 189.0, 252.0, 0.0]
    assert chart.xpath("//text/text()") == ["cited", "other", "100%", "0", "0.25", "0.5", "0.75", "1"]


@pytest.mark.parametrize("mark, lines", [(None, []), (0.0, ["56.0"]), (0.25, ["219.0"]), (1.0, ["708.0"])])
def test_a_threshold_is_a_line_across_the_bins(mark, lines):
    chart = parsed(histogram_chart([("all", [1.0] * 4)], label="Scores", mark=mark))
    assert [line.get("x1") for line in chart.iter("line")] == lines


@pytest.mark.parametrize("series", [[], [("all", [])], [("all", [0.0, 0.0])]])
def test_a_spread_of_nothing_can_be_drawn(series):
    assert "nan" not in histogram_chart(series, label="Scores")


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it():
    chart = parsed(bar_chart([], label='Bytes "kept"'))
    assert (chart.get("role"), chart.get("aria-label")) == ("img", 'Bytes "kept"')
