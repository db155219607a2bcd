"""`zk0 doctor`: what is needed, whether it is there, and the command that brings it."""

import typer

from zk0.cli.output import JsonOption, columns, print_envelope, show, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.verdicts import worst
from zk0.onboarding.doctor import examine


def doctor(*, as_json: JsonOption = False) -> None:
    """Check what zk0 needs in this project; exits with 4 if something is missing."""
    findings = list(examine(Project.find()))
    if as_json:
        print_envelope(data={"findings": [finding.model_dump(mode="json") for finding in findings]})
    else:
        table = columns(0, 0, 0)
        for finding in findings:
            table.add_row(verdict_text(finding.verdict), finding.check, finding.message)
            if finding.remedy:
                table.add_row("", "", f"→ {finding.remedy}")
        show(table)
    raise typer.Exit(ExitStatus.missing if worst(one.verdict for one in findings).stops else ExitStatus.done)
