"""Documentation: links and names that resolve, explained settings, and a README to start from (`documentation.*`)."""

import re
from collections.abc import Iterator

from zk0.core.checks import Findings, Part, check
from zk0.core.markdown import pages
from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.core.references import dead_link, missing_file
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, passed_if
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library

NAMED_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|ya?ml|toml|json|txt|sh|j2)")
TROUBLE = re.compile(
    r"troubleshoot|common (?:issues|problems)|symptom|goes wrong|when .* fails|\btraps?\b", re.IGNORECASE
)
HISTORY = ("CHANGELOG.md", "CHANGES.md", "HISTORY.md")  # they name files of the past
TEXTS = (Part.documents, Part.code, Part.memory)


@check("documentation.links", reads=TEXTS)
def links(project: Project) -> Iterator[Finding]:
    """Every relative link leads to a file, and every anchor to a heading."""
    everything = pages(project, memory=True)
    known = {page.name: page for page in everything}
    problems, count = [], 0
    for page in everything:
        for line, target in page.links():
            count += 1
            if problem := dead_link(page, target, known, page.folder):
                problems.append(Problem(f"{page.name}:{line}", problem))
    return report_problems(problems, f"{count} links of {len(everything)} pages resolve", remedy="correct the link")


@check("documentation.names", reads=TEXTS)
def names(project: Project) -> Iterator[Finding]:
    """The files that the documentation names exist."""
    problems, count = [], 0
    for page in pages(project, memory=True):
        if page.name in HISTORY:
            continue
        for line, text in page.code_spans():
            # A file in a folder that the project does not have is another project's, or an example.
            folder = text.partition("/")[0]
            if NAMED_FILE.fullmatch(text) and folder != project.settings.state and (project.root / folder).is_dir():
                count += 1
                if problem := missing_file(text, project.root):
                    problems.append(Problem(f"{page.name}:{line}", problem))
    return report_problems(problems, f"{count} named files exist", remedy="correct the name", doubtful=True)


@check("documentation.settings", reads=TEXTS)
def settings(project: Project) -> Findings:
    """Every key of the run configuration is explained: in the documentation, or where it is declared."""
    table = table_of(project.pyproject, *FLOWER_CONFIG)
    if not table:
        return not_available("pyproject.toml has no [tool.flwr.app.config]")
    prose = "\n".join(page.text for page in pages(project))
    declared = "\n".join(module.text for module in library(project))
    lines = [line for line in (project.root / "pyproject.toml").read_text(encoding="utf-8").splitlines() if "#" in line]
    problems = []
    for key in table:
        name, written = key.replace("-", "_"), re.escape(key)
        explained = re.search(rf"\b({written}|{name})\b", prose)
        explained = explained or re.search(rf"\b{name}\b[^\n]*\n?[^\n]*description=", declared)
        if not explained and not any(re.match(rf"{written}\s*=", line) for line in lines):
            problems.append(Problem("pyproject.toml", f"{key} is explained nowhere"))
    return report_problems(problems, f"{len(table)} keys are explained", remedy="say what it does, and its unit")


@check("documentation.troubleshooting", reads=TEXTS)
def troubleshooting(project: Project) -> Finding:
    """A page leads from a symptom to its cause and remedy, or every workflow lists what may go wrong."""
    found = [page.name for page in pages(project) if any(TROUBLE.search(heading) for heading in page.headings)]
    if found:
        return passed(f"{found[0]} does", evidence=[Evidence(name="pages", value=len(found))])
    from zk0.project_checks.workflow_files import specifications

    specs = specifications(project)
    return passed_if(
        bool(specs) and all(spec.issues for spec in specs.values()),
        f"{len(specs)} workflows list their issues",
        "no page has a heading such as Troubleshooting",
        doubtful=True,
        remedy="write one: symptom, cause, remedy",
    )


@check("documentation.start", reads=(Part.documents, Part.code))
def start(project: Project) -> Finding:
    """The README says how to install and use the project, in commands."""
    readme = next((page for page in pages(project) if page.name.lower() == "readme.md"), None)
    if readme is None:
        return failed("no README.md", remedy="write what it is, how to install it, and one example")
    languages = [block for block in readme.blocks() if block.language in ("bash", "sh", "shell", "console", "python")]
    installs = any(re.search(r"\b(pip|uv|conda|nox|poetry)\b", block.text) for block in languages)
    evidence = [Evidence(name="blocks of commands or code", value=len(languages), at=readme.name)]
    good = f"{len(languages)} blocks of commands, how to install among them"
    bad = "README.md does not show in commands how to install and use it"
    return passed_if(installs and len(languages) > 1, good, bad, evidence=evidence, doubtful=True)
