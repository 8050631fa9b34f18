"""Charts as inline SVG: the loss curve, the funnel of bytes, and how scores are spread."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.report_html import Html, element, joined

WIDTH, HEIGHT = 720, 300
CURVE_COLOURS = 7
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 14, 34
_NAMES = 140
"""The right margin where curves have names."""


Points = Sequence[tuple[float, float]]


def line_chart(
    curves: Mapping[str, Points],
    *,
    label: str,
    x_name: str,
    y_name: str,
    band: Sequence[tuple[float, float, float]] = (),
    marks: Sequence[float] = (),
    small: bool = False,
) -> Html:
    """A curve through the points of each name, with four lines of scale; the names are told where there are several.

    `band` holds (x, lowest, highest) of what a curve is the mean of; at `marks` a line stands across the chart.
    """
    points = [point for curve in curves.values() for point in curve]
    heights = [y for _, y in points] + [y for _, *ends in band for y in ends]
    axes = _Axes(_bounds([x for x, _ in points]), _bounds(heights), small, _NAMES if len(curves) > 1 else _RIGHT)
    parts = [axes.mark(x) for x in marks]
    if band:
        around = [axes.place(x, low) for x, low, _ in band] + [axes.place(x, high) for x, _, high in reversed(band)]
        parts.append(element("polygon", points=_joined(around), class_="band"))
    parts += axes.scale(x_name, y_name)
    for number, (name, curve) in enumerate(curves.items()):
        kind = f"curve c{number % CURVE_COLOURS}"
        parts.append(element("polyline", points=_joined(axes.place(*point) for point in curve), class_=kind))
        if len(curves) > 1:
            left, y = axes.width - _NAMES + 10, _TOP + 12 + 20 * number
            parts.append(element("line", x1=left, x2=left + 22, y1=y - 4, y2=y - 4, class_=kind))
            parts.append(element("text", name, x=left + 28, y=y))
    return _drawing(axes.height, label, parts, axes.width)


class _Axes:
    """Where numbers lie in a drawing: a small one is half as wide, for two beside each other."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], small: bool, right: int) -> None:
        self.width, self.height = (WIDTH // 2, HEIGHT * 2 // 3) if small else (WIDTH, HEIGHT)
        self._x, self._y, self._room = x, y, self.width - _LEFT - right

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The point's place in the drawing."""
        (low_x, high_x), (low_y, high_y) = self._x, self._y
        across = (x - low_x) / (high_x - low_x) * self._room + _LEFT
        return across, self.height - _BOTTOM - (y - low_y) / (high_y - low_y) * (self.height - _TOP - _BOTTOM)

    def mark(self, x: float) -> Html:
        """A line from top to bottom."""
        at = f"{self.place(x, 0)[0]:.1f}"
        return element("line", x1=at, x2=at, y1=_TOP, y2=self.height - _BOTTOM, class_="mark")

    def scale(self, x_name: str, y_name: str) -> Iterator[Html]:
        """Four lines across with their values, and the values at both ends below."""
        low, high = self._y
        for quarter in range(4):
            value = low + (high - low) * quarter / 3
            _, at = self.place(self._x[0], value)
            right, y = _LEFT + self._room, f"{at:.1f}"
            yield element("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="axis")
            said = f"{value:.2f}" if high - low >= 0.1 else f"{value:.1e}"
            yield element("text", said, x=_LEFT - 6, y=f"{at + 4:.1f}", text_anchor="end")
        for value, anchor in zip(self._x, ("start", "end"), strict=True):
            across, _ = self.place(value, low)
            yield element("text", f"{x_name} {value:.15g}", x=f"{across:.1f}", y=self.height - 12, text_anchor=anchor)
        yield element("text", y_name, x=_LEFT + self._room // 2, y=_TOP + 12, text_anchor="middle")


def _joined(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


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
        parts.append(element("line", x1=at, x2=at, y1=_TOP, y2=base, class_="mark"))
    return _drawing(HEIGHT, label, parts)


def _drawing(height: int, label: str, parts: Sequence[Html], width: int = WIDTH) -> Html:
    return element("svg", joined(parts), viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """The smallest and the largest value, apart even where they are one."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
