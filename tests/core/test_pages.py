"""Texts that others wrote can't break a page."""

import pytest

from zk0.core.pages import cell, markdown


def test_a_cell_stays_in_its_line_and_makes_neither_a_column_nor_html():
    assert cell("a | b\n  <!-- c\td") == r"a \| b &lt;!-- c d"


def test_the_pages_of_a_package_share_one_environment_with_filters_of_their_own():
    environment = markdown("zk0.memory", loud=str.upper)

    assert environment.from_string("{{ 'x' | loud }}\n").render() == "X\n"
    assert "context.md.j2" in environment.list_templates()
    with pytest.raises(Exception, match="is undefined"):
        environment.from_string("{{ nothing }}").render()
