"""Drawings that a browser can show."""

from __future__ import annotations

from xml.etree import ElementTree

from appliance.evaluation.plot import dots, scatter


def test_every_measurement_is_a_dot_in_a_well_formed_picture() -> None:
    for svg, count in (
        (dots({"box": [700.0, 800.0], "stock": [1500.0]}, "title"), 3),
        (scatter({"a": [(1.0, 2.0), (3.0, 4.0)], "b": [(5.0, 6.0)]}, "title", ("visits", "MiB")), 3),
        (scatter({"a": [(1.0, 2.0)]}, "title", ("x", "y")), 1),
        (scatter({}, "title", ("x", "y")), 0),
    ):
        tree = ElementTree.fromstring(svg)
        assert len(tree.findall("{http://www.w3.org/2000/svg}circle")) == count


def test_dots_lie_where_their_numbers_say() -> None:
    svg = scatter({"a": [(0.0, 0.0), (10.0, 100.0), (5.0, 50.0)]}, "title", ("x", "y"))
    circles = ElementTree.fromstring(svg).findall("{http://www.w3.org/2000/svg}circle")
    (x0, y0), (x1, y1), (x2, y2) = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    assert x2 == (x0 + x1) / 2
    assert y2 == (y0 + y1) / 2
    assert y1 < y0, "more is further up"
