"""Text from outside is no command of GitHub Actions, however it is cut into writes."""

import io

import pytest

from zk0.reports.github import InertStream, annotate, plain, run_command


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (["::add-mask::a\n"], ": :add-mask::a\n"),
        (["  ", ":", ":add-mask::a"], "  : :add-mask::a"),
        (["a ::b\r::c::d"], "a ::b\r: :c::d"),
        (["\ufeff\u2003::a::"], "\ufeff\u2003: :a::"),
        (["a#", "#", "[group]"], "a## [group]"),
        (["tests/a.py::test_b ::c\n"], "tests/a.py::test_b ::c\n"),
        (["a\n", "\n::b::"], "a\n\n: :b::"),
    ],
)
def test_no_line_begins_a_command(parts, written):
    stream = io.StringIO()

    InertStream(stream).writelines(parts)

    assert stream.getvalue() == written


def test_a_command_s_text_stays_within_it():
    stream = io.StringIO()

    annotate("error", "50 %\n::add-mask::a", title="a,file=b::c", place="a/b.py:12: what", stream=InertStream(stream))
    run_command("endgroup", stream=stream)

    assert stream.getvalue() == (
        "::error file=a/b.py,line=12,title=a%2Cfile=b%3A%3Ac::50 %25%0A::add-mask::a\n::endgroup::\n"
    )


def test_a_text_of_the_summary_is_no_markup():
    assert plain("![a](http://b) <img>\n| `c`") == r"\!\[a\]\(http\://b\) \<img\> \| \`c\`"
