"""What may be written in a workflow file: its inputs, its steps, and what each of them may say.

These models hold the shape alone. Whether the names in a file exist and the values fit is `validation`'s question,
how a file is read `loading`'s, and what is done with it the engine's. A key that nothing acts on is not in here, so
it is refused as unknown.
"""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from zk0.core.verdicts import Verdict
from zk0.workflow.expressions import Template, as_written, compile_templates
from zk0.workflow.reserved import PROGRAM

type Scalar = str | int | float | bool
type ValueType = Literal["string", "integer", "number", "boolean", "path", "list"]

# `Filled[T]` is a value of a file that may be an expression: a T as it is written, or a `Template`, made here and
# nowhere else. What is not annotated with it is text as it stands.
if TYPE_CHECKING:
    type Filled[T] = T | Template
else:
    T = TypeVar("T")
    # Not a `type`, which would get a name of its own in the schema.
    Filled = Annotated[T, AfterValidator(compile_templates), PlainSerializer(as_written)]

KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 366 * 86400.0  # seconds; the operating system's waits overflow on much larger ones


def _named(pattern: re.Pattern[str], style: str, joint: str) -> Callable[[str], str]:
    def matching(name: str) -> str:
        if pattern.fullmatch(name):
            return name
        better = joint.join(re.findall(r"[a-z0-9]+", name.lower()))
        better = better.upper() if pattern is VARIABLE else better
        hint = f"; did you mean {better!r}?" if pattern.fullmatch(better) else ""
        raise PydanticCustomError("name", "{problem}", {"problem": f"is not {style}{hint}"})

    return matching


def _text_like(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


def _seconds(value: object) -> float:
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0.0
    if 0 < seconds <= LONGEST:
        return seconds
    problem = 'is not a duration; write "90s", "30m", "2h" or "1d", at most a year'
    raise PydanticCustomError("duration", "{problem}", {"problem": problem})


def _some[T: tuple[object, ...]](items: T) -> T:
    # Not a minimum length: pydantic counts the items that are valid, and would call a list of wrong ones empty.
    if items:
        return items
    raise PydanticCustomError("empty", "{problem}", {"problem": "is empty; it needs at least one item"})


def _check(value: object) -> object:
    match value:
        case str():
            return {"id": value}
        case {"run": list() as argv, **others} if not others:
            return {"id": PROGRAM, "options": {"argv": argv}}
        case dict() if len(value) == 1:
            [(name, options)] = value.items()
            return {"id": name, "options": {} if options is None else options}
    problem = "is not a check; write its id, or its id with options: {id: {option: value}}"
    raise PydanticCustomError("check", "{problem}", {"problem": problem})


# Words that an expression spells with dots (`steps.local_training`), so a hyphen would read as a minus there.
# WithJsonSchema says to editors what the validators say to the loader.
type SnakeName = Annotated[str, AfterValidator(_named(SNAKE, "snake_case", "_")), _text_like(SNAKE)]
type VariableName = Annotated[
    str, AfterValidator(_named(VARIABLE, "the name of an environment variable", "_")), _text_like(VARIABLE)
]
type KebabName = Annotated[str, AfterValidator(_named(KEBAB, "kebab-case", "-")), _text_like(KEBAB)]
type Text = Annotated[str, Field(min_length=1)]
type Seconds = Annotated[float, BeforeValidator(_seconds), _text_like(DURATION)]


class SpecModel(BaseModel):
    """A mapping in a workflow file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class InputSpec(SpecModel):
    """One input of a workflow; without a default it must be given."""

    type: ValueType
    choices: tuple[Scalar, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    default: Scalar | list[Scalar] | None = None
    help: str = ""

    @property
    def required(self) -> bool:
        """Whether a run must give it. `default: null` makes an input optional, with None as its value."""
        return "default" not in self.model_fields_set


class SecretSpec(SpecModel):
    """A secret that a workflow needs: its name is that of the environment variable that holds it."""

    help: str = ""
    required: bool = True


class CheckUse(SpecModel):
    """A check attached to a step, with its options."""

    id: Text
    options: dict[str, Filled[Any]] = {}


type Check = Annotated[
    CheckUse,
    BeforeValidator(_check),
    WithJsonSchema(
        {
            "description": "a check's id, its id with options, or a program: {run: [program, argument]}",
            "anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}],
        }
    ),
]


class Judgements(SpecModel):
    """How often what somebody did is judged before the step fails."""

    attempts: int = Field(ge=1, le=100)


class Retry(Judgements):
    """How often a step is tried, after which verdicts again, and how long to wait before that.

    The first wait is `wait`, each further one `factor` times the one before it, and none is longer than `longest`.
    """

    on: tuple[Verdict, ...] = (Verdict.failed, Verdict.error)
    wait: Seconds | None = None
    factor: float = Field(default=2.0, ge=1, le=100)
    longest: Seconds = 3600.0


class ProgramRetry(Retry):
    """The same of a program: where exit statuses are given, it is tried again only after one of them."""

    exit_statuses: tuple[Annotated[int, Field(ge=1, le=255)], ...] = ()


class Propose(SpecModel):
    """What comes after a step that failed: a workflow to propose."""

    propose: KebabName


class OnFail(SpecModel):
    """The same, or a workflow to run that repairs it; behind a repair, the step is tried once more."""

    propose: KebabName | None = None
    run: KebabName | None = None
    arguments: dict[str, Filled[Any]] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.propose is None) == (self.run is None) or (self.arguments and self.run is None):
            problem = "on_fail either proposes a workflow, or runs one: {run: name, with: {input: value}}"
            raise PydanticCustomError("on_fail", "{problem}", {"problem": problem})
        return self


class StepBase(SpecModel):
    """What every step may say, whatever it does."""

    id: SnakeName
    title: Text
    when: Filled[str] | None = None
    needs: tuple[SnakeName, ...] | None = None
    always: bool = Field(default=False, alias="finally")
    checks: tuple[Check, ...] = ()
    timeout: Seconds | None = None


class RepeatedStep(StepBase):
    """A step that may be done once for each item: of a list, or of all combinations of a matrix."""

    foreach: Filled[str] | list[Filled[Any]] | dict[SnakeName, list[Filled[Any]] | Filled[str]] | None = None


class ReusableStep(RepeatedStep):
    """A step whose earlier outcome may stand for it, and that may be tried again, also behind a repair."""

    reuse: bool = False
    retry: Retry = Retry(attempts=1)
    on_fail: OnFail | None = None


class UsesStep(ReusableStep):
    """A step that uses an action."""

    uses: Text
    arguments: dict[str, Filled[Any]] = Field(default={}, alias="with")


def _one_of(values: Any) -> Any:
    if isinstance(values, dict) and len(values) != 1:
        raise PydanticCustomError("ready", "{problem}", {"problem": "has one of the keys run, port, log"})
    return values


PORT = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}]}


def _port(value: Any) -> Any:
    if not isinstance(value, Template) and value not in range(1, 2**16):
        problem = "is a number from 1 to 65535, or one whole expression"
        raise PydanticCustomError("port", "{problem}", {"problem": problem})
    return value


class Ready(SpecModel):
    """How a service shows that it is ready.

    A program (`run`) ends with exit status 0, a `port` of this machine takes connections, or a line of the service's
    `log` matches a regular expression.
    """

    run: Annotated[tuple[Filled[Scalar], ...], AfterValidator(_some)] | None = None
    port: Annotated[Filled[int | str], AfterValidator(_port), WithJsonSchema(PORT)] | None = None
    log: Filled[Text] | None = None

    _has_one = model_validator(mode="before")(_one_of)

    @property
    def written(self) -> dict[str, Any]:
        """What is written, by its key."""
        return {name: value for name, value in self if value is not None}


class RunStep(ReusableStep):
    """A step that runs a program: an argv list, never a shell string.

    `reads` and `makes` are files, folders and globs; None means that the file does not say. With `trace`, what the
    program opens in the project is compared with them.
    `outputs` are the names and types of what it writes to the file that `ZK0_OUTPUT` names.
    A `service` goes on while later steps run; its step ends when it is `ready`, within the step's timeout.
    """

    run: Annotated[tuple[Filled[Scalar], ...], AfterValidator(_some)]
    cwd: Filled[Text] = "."
    env: dict[str, Filled[Scalar]] = {}
    reads: tuple[Filled[Text], ...] | None = None
    makes: tuple[Filled[Text], ...] | None = None
    trace: bool = False
    outputs: dict[SnakeName, ValueType] = {}
    service: bool = False
    ready: Ready | None = None
    retry: ProgramRetry = ProgramRetry(attempts=1)


class AskStep(StepBase):
    """A step that an agent or a person does; it is done when what it `accept`s passes.

    `scope` is prose, or a list of the files, folders and globs that an agent may change.
    Its `timeout` counts from when it was asked for, and its `retry` how often it is judged; without, it is patient.
    """

    ask: Literal["agent", "person"]
    instruction: Filled[Text]
    scope: Filled[str] | tuple[Filled[Text], ...] = ""
    constraints: tuple[Filled[Text], ...] = ()
    checks: tuple[Check, ...] = Field(default=(), alias="accept")
    retry: Judgements | None = None
    on_fail: Propose | None = None


class WorkflowStep(RepeatedStep):
    """A step that performs another workflow; what that one gives out is what the step gives."""

    workflow: KebabName
    arguments: dict[str, Filled[Any]] = Field(default={}, alias="with")
    on_fail: Propose | None = None


type AnyStep = UsesStep | RunStep | AskStep | WorkflowStep

KINDS: dict[str, type[UsesStep | RunStep | AskStep | WorkflowStep]] = {
    "uses": UsesStep,
    "run": RunStep,
    "ask": AskStep,
    "workflow": WorkflowStep,
}


def step_kind(raw: object) -> str | None:
    """Return which key says what the step does: `uses`, `run`, `ask` or `workflow`; None where none is there."""
    if isinstance(raw, StepBase):
        return next(kind for kind, model in KINDS.items() if isinstance(raw, model))
    return next((kind for kind in KINDS if kind in raw), None) if isinstance(raw, dict) else None


type Step = Annotated[
    Annotated[UsesStep, Tag("uses")]
    | Annotated[RunStep, Tag("run")]
    | Annotated[AskStep, Tag("ask")]
    | Annotated[WorkflowStep, Tag("workflow")],
    Discriminator(
        step_kind,
        custom_error_type="step_kind",
        custom_error_message="a step says what it does: it has one of the keys uses, run, ask, workflow",
    ),
]


class Issue(SpecModel):
    """A common issue: how it shows, and what helps."""

    sign: Text
    remedy: Text


class WorkflowSpec(SpecModel):
    """A workflow file."""

    name: KebabName
    title: Text
    purpose: Text
    inputs: dict[SnakeName, InputSpec] = {}
    secrets: dict[VariableName, SecretSpec] = {}
    steps: Annotated[tuple[Step, ...], AfterValidator(_some)]
    outputs: dict[SnakeName, Filled[Any]] = {}
    checklist: KebabName | None = None
    notes: tuple[Text, ...] = ()
    issues: tuple[Issue, ...] = ()


def workflow_schema() -> dict[str, Any]:
    """Return the schema that the models of `spec` make."""
    made = WorkflowSpec.model_json_schema(by_alias=True)
    made["title"] = "zk0 workflow"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    """Return the schema as it is kept in `docs/workflow.schema.json`."""
    return json.dumps(workflow_schema(), indent=1, ensure_ascii=False) + "\n"
