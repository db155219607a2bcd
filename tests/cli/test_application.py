"""The commands: each is imported when it is asked for, and all of them are there."""

import click
import typer

from zk0.cli.application import COMMANDS, app


def test_every_command_of_the_table_is_there_with_a_help_of_its_own():
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    context = click.Context(group)

    found = {name: group.get_command(context, name) for name in group.list_commands(context)}

    assert list(found) == list(COMMANDS)
    assert all(command and command.get_short_help_str() for command in found.values())


def test_an_unknown_command_is_refused(command):
    status, _, err = command("nope")

    assert status == 2
    assert "No such command 'nope'" in err
