"""Who writes is found out, and an agent is no person."""

import getpass

import pytest

from zk0.cli.authors import author
from zk0.core.errors import InputError


def test_an_author_is_the_agent_of_the_environment_or_the_person_at_the_keyboard():
    assert author(None, {"CODEX_SANDBOX": "1"}) == "agent:codex_sandbox"
    assert author(None, {}) == f"person:{getpass.getuser()}"
    assert author("agent:mine/2", {}) == "agent:mine/2"


@pytest.mark.parametrize("given", ["", "ada", "agent:", "king:ada"])
def test_what_is_no_author_is_refused(given):
    with pytest.raises(InputError, match="is no author"):
        author(given, {})
