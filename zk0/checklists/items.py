"""A checklist as it is written in `checklists/<name>.yaml`: items, and the evidence each box is derived from.

    name: training
    title: A training run, step by step
    phase: training
    renewed_by: train
    items:
      - id: train-data-episodes
        section: Preparation
        sentence: Every client's data set holds enough episodes to hold some out.
        not_looked_at: how good the episodes are
        check: {check: data.episodes}
      - id: code-style
        section: Code
        sentence: The code follows the style guide.
        not_looked_at: files that are not Python
        check: {project: style.lint}
      - id: code-review
        section: Code
        sentence: The code was reviewed and approved.
        manual: true
        for_code: true

`check` is one piece of evidence or a list of them, all of which must hold: findings of a step in a run
(`check:`, `verdict_of:`), or of a check that looks at the project itself (`project:`, with its options in `with:`). A
person's signature under an item with `for_code` counts for the code it was given on. A checklist that says `union:`
instead of `items:` is made of others by reference. A box is never written here: it is derived at render time.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from zk0.core.receipts import canonical_digest

ANY = "*"


type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
type CheckName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*$")]
type Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Model(BaseModel):
    """What all models of a checklist file share: unknown keys are refused, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


class CheckRef(Model):
    """The findings of one check, in one step or in any."""

    check: CheckName
    step: str = ANY
    workflow: str = ANY

    def __str__(self) -> str:
        """Name the evidence as a message does."""
        return self.check if self.step == ANY else f"{self.check} of step {self.step}"


class StepVerdictRef(Model):
    """The verdict of one step."""

    verdict_of: str
    workflow: str = ANY

    def __str__(self) -> str:
        """Name the evidence as a message does."""
        return f"the verdict of step {self.verdict_of}"


class ProjectCheckRef(Model):
    """The findings of a check that looks at the project as it is, rather than at what a step put out."""

    project: CheckName
    options: dict[str, Any] = Field(default_factory=dict, alias="with")

    def __str__(self) -> str:
        """Name the evidence as a message does."""
        given = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.project} ({given})" if given else self.project

    @property
    def key(self) -> str:
        """The name of its receipt: the check, and the digest of the options where there are any."""
        return f"{self.project}-{canonical_digest(self.options)[:8]}" if self.options else self.project


def _proof_kind(written: object) -> str:
    for key, kind in (("verdict_of", StepVerdictRef), ("project", ProjectCheckRef)):
        if key in written if isinstance(written, dict) else isinstance(written, kind):
            return key
    return "check"


type EvidenceRef = Annotated[
    Annotated[CheckRef, Tag("check")]
    | Annotated[StepVerdictRef, Tag("verdict_of")]
    | Annotated[ProjectCheckRef, Tag("project")],
    Discriminator(_proof_kind),
]


def _as_list(written: object) -> object:
    return written if isinstance(written, list | tuple) else [written]


class Item(Model):
    """One line of a checklist: a sentence, and either the evidence that decides it or a person who does.

    `not_looked_at` says what the evidence leaves out, which a reader of the sentence may take for granted.
    """

    id: Name
    section: Text
    sentence: Text
    check: Annotated[tuple[EvidenceRef, ...], BeforeValidator(_as_list), Field(min_length=1)] | None = None
    not_looked_at: Text | None = None
    manual: Literal[True] | None = None
    for_code: bool = False

    @model_validator(mode="after")
    def _one_way_to_decide(self) -> Self:
        if (self.check is None) == (self.manual is None):
            raise ValueError(f"item {self.id} needs either `check` or `manual: true`")
        if self.for_code and not self.manual:
            raise ValueError(f"item {self.id}: `for_code` is for what a person signs; receipts name their code anyway")
        if self.manual and self.not_looked_at:
            raise ValueError(f"item {self.id}: `not_looked_at` is for machines; a person writes a note")
        return self


class ChecklistFile(Model):
    """One file: items of its own, or the names of the checklists it is the union of.

    `renewed_by` is the workflow whose run gives the evidence; an item that lacks evidence names it as its remedy.
    `about` says of what its sentences speak: of the project, or of a run of zk0's own app.
    Of a union, `decided_by: project` takes only the items that checks of the project alone decide, whatever it trains;
    `without` leaves out items by their ids.
    """

    name: Name
    title: Text
    phase: Name
    renewed_by: Name | None = None
    about: Literal["project", "run"] = "project"
    items: Annotated[tuple[Item, ...], Field(min_length=1)] | None = None
    union: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    decided_by: Literal["project"] | None = None
    without: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _items_or_union(self) -> Self:
        if (self.items is None) == (self.union is None):
            raise ValueError("a checklist has either `items` or `union`")
        if self.items and (self.decided_by or self.without):
            raise ValueError("`decided_by` and `without` choose among the items of a union")
        return self


class Checklist(Model):
    """A checklist with its references followed: `parts` hold items, and ids are unique over all of them."""

    name: Name
    title: Text
    phase: Name
    parts: Annotated[tuple[ChecklistFile, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ids = [item.id for _, item in self.items()]
        if not ids:
            raise ValueError(f"checklist {self.name} has no items: nothing checked is not a success")
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"checklist {self.name} has these item ids twice: {', '.join(twice)}")
        return self

    def evidence(self) -> Iterator[EvidenceRef]:
        """Yield every piece of evidence that its items name."""
        for _, item in self.items():  # noqa: PERF102  not a dict
            yield from item.check or ()

    def items(self) -> Iterator[tuple[ChecklistFile, Item]]:
        """Yield each item with the part it belongs to, in the order written."""
        for part in self.parts:
            for item in part.items or ():
                yield part, item


def as_checklist(part: ChecklistFile, *items: Item) -> Checklist:
    """Return a checklist of some items of a part alone."""
    return Checklist(
        name=part.name, title=part.title, phase=part.phase, parts=(part.model_copy(update={"items": items}),)
    )


def check_of(proof: CheckRef | ProjectCheckRef) -> str:
    """Return the id of the check that gives a piece of evidence."""
    return proof.project if isinstance(proof, ProjectCheckRef) else proof.check
