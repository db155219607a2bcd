"""Documentation: links and names that resolve, explained settings, and a README to start from (`documentation.*`)."""

import re
from collections.abc import Iterator

from zk0.core.checks import Findings, Part, check
from zk0.core.markdown import Page, pages
from zk0.core.project import FLOWER_CONFIG, Project, table_of
from zk0.core.references import dead_link, missing_file
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed, passed_if
from zk0.federation.own_app.declaration import flat
from zk0.project_checks.examples import command_problem, example_problems, lines_of
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library
from zk0.project_checks.wording import says_something

NAMED_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|ya?ml|toml|json|txt|sh|j2)")
TROUBLE = re.compile(
    r"troubleshoot|common (?:issues|problems)|symptom|goes wrong|when .* fails|\btraps?\b", re.IGNORECASE
)
ENTRY = re.compile(r"\s*(?:[-*+]|\d+[.)]|\||#{2,})\s*\S")
GUIDE_WORDS = 8  # a symptom and its remedy have as many at least
HISTORY = ("CHANGELOG.md", "CHANGES.md", "HISTORY.md")  # they name files of the past
TEXTS = (Part.documents, Part.code, Part.memory)


@check("documentation.links", reads=TEXTS)
def links(project: Project) -> Findings:
    """Every relative link leads to a file, and every anchor to a heading."""
    everything = pages(project, memory=True)
    known = {page.name: page for page in everything}
    problems, count = [], 0
    for page in everything:
        for line, target in page.links():
            count += 1
            if problem := dead_link(page, target, known, page.folder):
                problems.append(Problem(f"{page.name}:{line}", problem))
    if not count:
        return not_available(f"{len(everything)} pages have no link to look at")
    return report_problems(problems, f"{count} links of {len(everything)} pages resolve", remedy="correct the link")


@check("documentation.names", reads=TEXTS)
def names(project: Project) -> Findings:
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
    if not count:
        return not_available("the documentation names no file of the project")
    return report_problems(problems, f"{count} named files exist", remedy="correct the name", doubtful=True)


@check("documentation.settings", reads=TEXTS)
def settings(project: Project) -> Findings:
    """Every key of the run configuration is explained in words: in the documentation, or where it is declared."""
    table = table_of(project.pyproject, *FLOWER_CONFIG)
    if not table:
        return not_available("pyproject.toml has no [tool.flwr.app.config]")
    prose = [line for page in pages(project) for line in page.text.splitlines()]
    declared = "\n".join(module.text for module in library(project))
    lines = [line for line in (project.root / "pyproject.toml").read_text(encoding="utf-8").splitlines() if "#" in line]
    problems = []
    for key in dict.fromkeys(key.rpartition(".")[2] for key, _ in flat(table)):
        name, written = key.replace("-", "_"), re.escape(key)
        known = re.compile(rf"(?<![\w-])({written}|{name})(?![\w-])")
        texts = [known.sub("", line) for line in prose if known.search(line)]
        texts += [match[1] for match in re.finditer(rf"\b{name}\b[^\n]*\n?[^\n]*description=([^\n]*)", declared)]
        texts += [line.partition("#")[2] for line in lines if re.match(rf"{written}\s*=", line)]
        if not any(says_something(text, least=1) for text in texts):
            problems.append(Problem("pyproject.toml", f"{key} is explained nowhere"))
    return report_problems(problems, f"{len(table)} keys are explained", remedy="say what it does, and its unit")


@check("documentation.troubleshooting", reads=TEXTS)
def troubleshooting(project: Project) -> Finding:
    """A page has a part on trouble with two entries or more, in words, or every workflow lists what may go wrong."""
    found = [page.name for page in pages(project) if any(map(_guides, _on_trouble(page)))]
    if found:
        return passed(f"{found[0]} does", evidence=[Evidence(name="pages", value=len(found))])
    from zk0.project_checks.workflow_files import explains_issues, specifications

    specs = specifications(project)
    return passed_if(
        bool(specs) and all(spec.issues and explains_issues(spec) for spec in specs.values()),
        f"{len(specs)} workflows list their issues",
        "no page has a heading such as Troubleshooting with two entries or more under it",
        doubtful=True,
        remedy="write one: symptom, cause, remedy",
    )


def _on_trouble(page: Page) -> Iterator[str]:
    """Yield the text below each heading on trouble, up to the next heading that is not below it."""
    lines = page.text.splitlines()
    heads = [(int(token.tag[1:]), token.map[0]) for token in page.tokens if token.type == "heading_open" and token.map]
    for number, (level, first) in enumerate(heads):
        last = next((line for other, line in heads[number + 1 :] if other <= level), len(lines))
        if TROUBLE.search(lines[first]):
            yield "\n".join(lines[first + 1 : last])


def _guides(text: str) -> bool:
    """Return whether a text has two entries or more (rows, items, headings) and enough words for them."""
    entries = [line for line in text.splitlines() if ENTRY.match(line) and says_something(line)]
    paragraphs = [part for part in text.split("\n\n") if says_something(part, least=GUIDE_WORDS)]
    return max(len(entries), len(paragraphs)) > 1 and says_something(text, least=2 * GUIDE_WORDS)


@check("documentation.start", reads=(Part.documents, Part.code, Part.environment))
def start(project: Project) -> Finding:
    """The README shows a command that installs, and one more command or an example; all that can be looked up exist."""
    readme = next((page for page in pages(project) if page.name.lower() == "readme.md"), None)
    if readme is None:
        return failed("no README.md", remedy="write what it is, how to install it, and one example")
    languages = [block for block in readme.blocks() if block.language in ("bash", "sh", "shell", "console", "python")]
    installs = any(re.search(r"\b(pip|uv|conda|nox|poetry)\b", block.text) for block in languages)
    commands = [words for block in languages if block.language != "python" for _, words in lines_of(block)]
    told = [command_problem(words, project) for words in commands]
    told += [
        "".join(one.message for one in example_problems(block, project))
        for block in languages
        if block.language == "python"
    ]
    uses = "" in told and not any(told)
    evidence = [Evidence(name="blocks of commands or code", value=len(languages), at=readme.name)]
    good = f"{len(languages)} blocks of commands, how to install among them"
    bad = "README.md does not show in commands how to install and use it"
    return passed_if(installs and uses and len(languages) > 1, good, bad, evidence=evidence, doubtful=True)
