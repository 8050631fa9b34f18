"""Charts as inline SVG: the loss curve, the funnel of bytes, and how scores are spread."""

from collections.abc import Sequence

from pipeline.report_html import Html, element, joined

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 14, 34


def line_chart(points: Sequence[tuple[float, float]], *, label: str, x_name: str, y_name: str) -> Html:
    """A curve through the points, with four lines of scale."""
    low_x, high_x = _bounds([x for x, _ in points])
    low_y, high_y = _bounds([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x) * (WIDTH - _LEFT - _RIGHT) + _LEFT
        return across, HEIGHT - _BOTTOM - (y - low_y) / (high_y - low_y) * (HEIGHT - _TOP - _BOTTOM)

    parts: list[Html] = []
    for quarter in range(4):
        value = low_y + (high_y - low_y) * quarter / 3
        _, at = place(low_x, value)
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}", class_="axis"))
        parts.append(element("text", f"{value:.2f}", x=_LEFT - 6, y=f"{at + 4:.1f}", text_anchor="end"))
    for value, anchor in ((low_x, "start"), (high_x, "end")):
        across, _ = place(value, low_y)
        parts.append(element("text", f"{x_name} {value:g}", x=f"{across:.1f}", y=HEIGHT - 12, text_anchor=anchor))
    parts.append(element("text", y_name, x=_LEFT + 6, y=_TOP + 12))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    parts.append(element("polyline", points=path, class_="loss"))
    return _drawing(HEIGHT, label, parts)


def bar_chart(bars: Sequence[tuple[str, float, float]], *, label: str) -> Html:
    """A horizontal bar each: (name, what is kept, what came in), drawn against the largest."""
    most = max((whole for _, _, whole in bars), default=0) or 1
    parts: list[Html] = []
    for number, (name, kept, whole) in enumerate(bars):
        y, room = number * 26 + 6, WIDTH - 190
        for share, kind in ((whole, "lost"), (kept, "kept")):
            width = f"{max(0.0, share) / most * room:.1f}"
            parts.append(element("rect", x=130, y=y, width=width, height=18, rx=3, class_=kind))
        parts.append(element("text", name, x=122, y=y + 14, text_anchor="end"))
        fraction = kept / whole if whole else 0
        parts.append(element("text", f"{fraction:.0%}", x=f"{136 + whole / most * room:.1f}", y=y + 14))
    return _drawing(len(bars) * 26 + 8, label, parts)


def histogram_chart(series: Sequence[tuple[str, Sequence[float]]], *, label: str, mark: float | None = None) -> Html:
    """Shares of pages by score from 0 to 1, two groups side by side in each bin, and a line at `mark`."""
    most = max((share for _, shares in series for share in shares), default=0) or 1
    room, base = WIDTH - _LEFT - _RIGHT, HEIGHT - _BOTTOM
    kinds, parts = ("lost", "kept"), []
    for group, (name, shares) in enumerate(series):
        bin_width = room / max(1, len(shares))
        width = bin_width / len(series)
        for place, share in enumerate(shares):
            height = share / most * (base - _TOP)
            x, y = _LEFT + place * bin_width + group * width, base - height
            box = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
            parts.append(element("rect", class_=kinds[group % 2], **box))
        across = _LEFT + 12 + group * 300
        parts.append(element("rect", x=across, y=2, width=10, height=10, class_=kinds[group % 2]))
        parts.append(element("text", name, x=across + 16, y=12))
    parts.append(element("text", f"{most:.0%}", x=_LEFT - 6, y=_TOP + 10, text_anchor="end"))
    for score in (0, 0.25, 0.5, 0.75, 1):
        at = f"{_LEFT + score * room:.1f}"
        parts.append(element("text", f"{score:g}", x=at, y=HEIGHT - 12, text_anchor="middle"))
    if mark is not None:
        at = f"{_LEFT + mark * room:.1f}"
        parts.append(element("line", x1=at, x2=at, y1=_TOP, y2=base, class_="axis"))
    return _drawing(HEIGHT, label, parts)


def _drawing(height: int, label: str, parts: Sequence[Html]) -> Html:
    return element("svg", joined(parts), viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=label)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The smallest and the largest value, apart even where they are one."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
