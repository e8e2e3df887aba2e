"""Drawings: what is in them, that nothing gets lost or too large, and that every one is a well-formed document."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from spcs.show.chart import Line, Span, bar, chart, outline, sparkline, spread, thinned
from spcs.show.scale import Scale

NAN = math.nan


def line(*values: float, label: str = "A", name: str = "loss") -> Line:
    return Line(name, label, tuple((float(step), value) for step, value in enumerate(values)))


def texts(svg: str, kind: str) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter("text") if kind in element.attrib["class"]
    ]


def test_a_chart_has_axes_a_curve_and_a_label_where_it_ends() -> None:
    svg = chart([line(2.0, 1.0, 0.5)], title="loss")
    assert texts(svg, "x") == ["0", "0.5", "1.0", "1.5", "2.0"]
    assert texts(svg, "y") == ["0", "0.5", "1.0", "1.5", "2.0"]
    assert texts(svg, "end") == ["A"]
    assert "loss by step: loss from 2 to 0.5" in svg


def test_what_is_pointed_at_says_its_step_and_every_curve() -> None:
    svg = chart([line(2.0, 1.0), line(4.0, 3.0, label="B", name="held out")], title="loss", x="epoch")
    titles = [element.text for element in ElementTree.fromstring(svg).iter("title")]
    assert titles == ["epoch 0\nloss: 2\nheld out: 4", "epoch 1\nloss: 1\nheld out: 3"]


def test_names_are_escaped_wherever_they_stand() -> None:
    evil = '"><script>alert(1)</script>'
    svg = chart([line(1.0, 2.0, label=evil, name=evil)], title=evil, x=evil)
    assert "<script" not in svg
    assert evil in texts(svg, "end")
    assert "<script" not in bar([Span("running", evil, 0, 1)], 1)


@pytest.mark.parametrize("values", [(), (NAN,), (NAN, NAN), (math.inf,)])
def test_nothing_finite_makes_no_chart(values: tuple[float, ...]) -> None:
    assert chart([line(*values)], title="loss") == ""
    assert sparkline(line(*values).points) == ""


@pytest.mark.parametrize("values", [(1.0,), (1.0, 1.0), (1e300, 1.0), (1e308, -1e308), (0.0, 1e-320), (1.0, NAN)])
@pytest.mark.parametrize("log", [False, True])
def test_odd_values_make_no_odd_drawing(values: tuple[float, ...], log: bool) -> None:
    svg = chart([line(*values)], title="loss", log=log)
    assert not re.search(r"nan|inf", svg.replace("linejoin", ""))
    if svg:
        ElementTree.fromstring(svg)


def test_a_value_that_is_no_number_leaves_a_gap_and_one_alone_is_a_dot() -> None:
    points = [(0, 0.0), (1, 1.0), (2, NAN), (3, 1.0), (4, NAN), (5, 0.0), (6, 1.0)]
    drawn = outline([(float(x), y) for x, y in points], Scale(0, 6), Scale(0, 1))
    assert [part.count("L") for part in drawn.split("M")[1:]] == [1, 0, 1]
    assert "h0" in drawn.split("M")[2]


def test_on_a_logarithmic_axis_what_is_not_positive_is_a_gap() -> None:
    svg = chart([line(1.0, 0.0, 0.01, 0.001)], title="loss", log=True)
    assert svg.count("M") == 2


def test_a_hundred_thousand_points_stay_small_and_keep_every_extreme() -> None:
    points = [(float(step), math.sin(step / 1000)) for step in range(100_000)]
    points[54_321] = (54_321.0, 40.0)
    points[77_777] = (77_777.0, -40.0)
    kept = thinned(points)
    assert len(kept) <= 601
    assert {(54_321.0, 40.0), (77_777.0, -40.0)} <= set(kept)
    assert kept == sorted(kept)
    assert len(chart([Line("loss", "A", points)], title="loss")) < 25_000


def test_few_points_stay_as_they_are_and_a_long_gap_stays_a_gap() -> None:
    few = [(float(step), NAN if step == 5 else 1.0) for step in range(20)]
    assert thinned(few) == few or all(a[0] == b[0] for a, b in zip(thinned(few), few, strict=True))
    many = [(float(step), NAN if 4000 < step < 6000 else 1.0) for step in range(10_000)]
    assert sum(math.isnan(y) for _, y in thinned(many)) > 10


def test_labels_keep_apart_and_near_their_curves() -> None:
    places = spread([50.0, 50.0, 10.0, 51.0], 7)
    assert sorted(places)[0] == pytest.approx(10, abs=8)
    ordered = sorted(places)
    assert all(after - before >= 7 - 1e-9 for before, after in itertools.pairwise(ordered))
    assert spread([99.0, 100.0, 100.0], 5) == [90, 95, 100]  # what stands below belongs to the axis


def test_a_bar_is_as_long_as_its_time() -> None:
    svg = bar([Span("waiting", "waiting", 0, 2), Span("training", "training", 2, 8)], 10)
    widths = [element.attrib["width"] for element in ElementTree.fromstring(svg).iter("rect")]
    assert widths == ["20.00%", "60.00%"]
    assert "training 6.0 s" in svg


def test_a_sparkline_says_where_it_comes_from_and_goes_to() -> None:
    assert "from 2 to 0.5" in sparkline(line(2.0, NAN, 0.5).points)
