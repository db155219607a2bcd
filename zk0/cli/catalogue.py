"""`zk0 actions` and `zk0 checks`: the verbs a workflow may use, and what may judge them."""

from zk0.cli.output import JsonOption, columns, print_envelope, show
from zk0.core.checks import CHECKS
from zk0.workflow.actions import ACTIONS
from zk0.workflow.fitting import field_names


def actions(*, as_json: JsonOption = False) -> None:
    """List the actions a step may use."""
    found = [ACTIONS.get(name) for name in ACTIONS.names()]
    if as_json:
        print_envelope(
            data=[
                {
                    "name": action.name,
                    "summary": action.summary,
                    "changes": list(action.changes),
                    "inputs": action.inputs.model_json_schema(),
                    "outputs": sorted(field_names(action.outputs)),
                }
                for action in found
            ]
        )
        return
    _print_list([(action.name, action.summary) for action in found])


def checks(*, as_json: JsonOption = False) -> None:
    """List the checks that may judge a step."""
    found = [CHECKS.get(name) for name in CHECKS.names()]
    if as_json:
        data = [
            {"id": check.id, "summary": check.summary, "options": check.options.model_json_schema()} for check in found
        ]
        print_envelope(data=data)
        return
    _print_list([(check.id, check.summary) for check in found])


def _print_list(rows: list[tuple[str, str]]) -> None:
    table = columns(0, 0)
    for name, summary in rows:
        table.add_row(name, summary)
    show(table)
