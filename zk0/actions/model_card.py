"""Write the model card of a checkpoint from receipts, and publish both when asked."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr

from zk0.core.checks import check
from zk0.core.errors import SecretMissingError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, file_digest, write_atomically
from zk0.core.secrets import find_secrets
from zk0.core.verdicts import Evidence, Finding, failed, not_available, passed_if, warned
from zk0.serving.card import CHOSEN, COMPARED, LOCAL, SERVED, CardSources, render_card, unmeasured
from zk0.serving.selection import Choice, choose, find_training
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.run import RunDirectory


class CardInputs(Inputs):
    """The training and the round of the checkpoint; the rest is in the receipts of this run."""

    training: str
    round: int
    name: str = Field("", description="title of the card; empty for the project's name")
    licence: str = Field("", pattern=r"^[\w.+-]*$", description="of the weights, as an SPDX id such as apache-2.0")


class CardOutputs(Outputs):
    """The card with the SHA-256 it was rendered with, its receipts, and what nobody measured."""

    card: Path
    sha256: str
    receipts: list[str]
    altered: list[str] = Field(description="receipts whose file is not what it states")
    unmeasured: list[str]
    private: list[str] = Field(description="texts that a public page must not have")
    table: list[list[str]]


@action("model-card.write", changes=("artifacts",))
def write(inputs: CardInputs, context: Context) -> CardOutputs:
    """Render the model card from the receipts of the training and of this run."""
    sources = _sources(context, inputs)
    text = render_card(sources)
    path = context.directory / "README.md"
    write_atomically(path, text)
    missing = unmeasured(sources)
    return CardOutputs(
        card=path,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        receipts=[receipt.digest for _, receipt in sources.receipts],
        altered=_altered(sources),
        unmeasured=missing,
        private=_private(text, context.project),
        table=[["card", "receipts", "not measured"], [str(path.name), str(len(sources.receipts)), ", ".join(missing)]],
    )


@check("model-card.traceable")
def traceable(outputs: CardOutputs) -> Iterator[Finding]:
    """The card on the disk is what the receipts give, names each of them, and has no secret and no machine's path."""
    text = outputs.card.read_text(encoding="utf-8")
    evidence = [Evidence(name="receipts", value=len(outputs.receipts))]
    yield passed_if(
        file_digest(outputs.card) == outputs.sha256,
        f"rendered from {len(outputs.receipts)} receipts",
        "the card was changed after it was rendered",
        evidence=evidence,
        remedy="zk0 resume latest --from card",
    )
    lost = [digest for digest in outputs.receipts if f"`{digest}`" not in text]
    yield passed_if(
        bool(outputs.receipts) and not lost, "each receipt is named", f"it lacks receipts: {', '.join(lost) or 'all'}"
    )
    for name in outputs.altered:
        yield warned(f"receipt {name} was altered", remedy="zk0 runs verify latest")
    for found in outputs.private:
        yield failed(f"the card shows {found}", remedy="give the data set, the run or the policy another name")
    for what in outputs.unmeasured:
        yield not_available(f"{what}: not measured, and the card says so")


class PublishInputs(Inputs):
    """Where to, what, and the token to do it with."""

    repository: str = Field(description="OWNER/NAME on the hub")
    checkpoint: Path
    card: Path
    token: SecretStr | None = Field(None, description="may write to the hub")
    private: bool = Field(default=True, description="only its owner sees a new repository")


class PublishOutputs(Outputs):
    """The commit on the hub, and the SHA-256 of each file as it was sent and as it came back."""

    url: str
    commit: str
    sent: dict[str, str]
    read_back: dict[str, str]
    others: list[str]
    table: list[list[str]]


@action("model-card.publish", changes=("hub",))
def publish_policy(inputs: PublishInputs, context: Context) -> PublishOutputs:
    """Commit the checkpoint with its card to the hub, and fetch every file again."""
    from zk0.serving.hub import publish

    if inputs.token is None:
        raise SecretMissingError(
            "the secret HF_TOKEN is not set, and nothing is published without it",
            remedy="export HF_TOKEN=…, a token that may write to the hub; then zk0 resume latest",
        )
    found = publish(
        inputs.repository,
        context.project.path(inputs.checkpoint),
        context.project.path(inputs.card),
        token=inputs.token.get_secret_value(),
        private=inputs.private,
    )
    return PublishOutputs(
        url=found.url,
        commit=found.commit,
        sent=found.sent,
        read_back=found.read_back,
        others=found.others,
        table=[["published", "commit", "files"], [found.url, found.commit[:8], str(len(found.sent))]],
    )


@check("model-card.published")
def published(outputs: PublishOutputs) -> Iterator[Finding]:
    """Every file on the hub is, byte for byte, the one that was sent."""
    for name, digest in outputs.sent.items():
        came = outputs.read_back.get(name)
        evidence = [Evidence(name="sent", value=digest), Evidence(name="read back", value=came)]
        yield passed_if(
            came == digest, f"{digest[:8]}", "is not what was sent", at=name, evidence=evidence,
            remedy=f"look at {outputs.url}, and publish again",
        )  # fmt: skip
    if outputs.others:
        yield warned(
            f"{len(outputs.others)} more files are there, such as {outputs.others[0]}", remedy="publish to a new name"
        )


def _sources(context: Context, inputs: CardInputs) -> CardSources:
    """Return what the card is made of: the receipts of the training, and those of this run so far."""
    training = find_training(context.project, inputs.training)
    choice: Choice = choose(training, str(inputs.round))
    state = RunDirectory(context.project.runs_dir / context.run).state()
    wanted = (CHOSEN, LOCAL, SERVED, COMPARED)
    serving = {one.uses: one for one in state.receipts if one.uses in wanted and not one.verdict.stops}
    return CardSources(training, choice, serving, inputs.name or context.project.name, inputs.licence)


def _altered(sources: CardSources) -> list[str]:
    """Return the receipts that are not addressed by their content any more."""
    pairs: list[tuple[Receipt, str]] = [(receipt, receipt.changed().digest) for _, receipt in sources.receipts]
    return [receipt.digest for receipt, digest in pairs if receipt.digest != digest]


def _private(text: str, project: Project) -> list[str]:
    places = [name for name in (str(project.root), str(Path.home())) if name != "/" and name in text]
    return [f"the path {place}" for place in places] + [f"a {one.kind}" for one in find_secrets(text)]
