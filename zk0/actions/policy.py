"""Build or load the policy every client starts from."""

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field

from zk0.core.checks import check
from zk0.core.project import Project, cache_dir
from zk0.core.verdicts import Evidence, Finding, failed, passed_if
from zk0.federation.sources import absolute_source
from zk0.training.presets import PRESETS, preset
from zk0.workflow.actions import Context, Inputs, Outputs, action

type PresetName = Literal["tiny", "small", "base", "base-shape"]


class BuildInputs(Inputs):
    """Which policy."""

    preset: PresetName = Field("tiny", description="; ".join(f"{one.name}: {one.summary}" for one in PRESETS.values()))
    policy: str = Field("", description="checkpoint folder or hub id to start from, in place of the preset's weights")
    backbone: str = Field("", description="local SmolVLM or SmolLM2 folder in place of the preset's backbone")
    cameras: tuple[str, ...] = ("wrist", "overhead")
    relative_actions: bool | None = Field(
        None, description="how far each joint but the gripper goes, not where to; by default as its checkpoint says"
    )

    def preflight(self, project: Project) -> None:
        """Refuse a folder that is not there; a hub id can only be tried."""
        from zk0.core.errors import PolicyError

        for name, given in (("policy", self.policy), ("backbone", self.backbone)):
            path = Path(_anchored(given, project))
            if path.is_absolute() and not (path / "config.json").is_file():
                remedy = "give a folder written by save_pretrained"
                raise PolicyError(f"{name} {given} has no config.json", remedy=remedy)


class BuildOutputs(Outputs):
    """The start policy, saved; digests are over name, dtype, shape and bytes of every tensor."""

    path: Path
    parameters: int
    trainable: int
    tensors: int
    dtypes: list[str]
    trainable_by_module: dict[str, int]
    relative_actions: bool
    digest: str
    digest_loaded: str


@action("policy.build", changes=("artifacts",))
def build(inputs: BuildInputs, context: Context) -> BuildOutputs:
    """Build or load a SmolVLA policy and save it as the start of the run."""
    from zk0.training.parameters import digest_of, module_of, trainable_parameters
    from zk0.training.policy import (
        build_policy,
        load_policy,
        predicts_relative_actions,
        require_same_actions,
        save_policy,
    )

    source = _anchored(inputs.policy, context.project)
    usual = bool(source and predicts_relative_actions(source))
    relative = usual if inputs.relative_actions is None else inputs.relative_actions
    require_same_actions(source, relative=relative)
    if inputs.policy:
        policy = load_policy(source)
    else:
        policy = build_policy(
            preset(inputs.preset),
            cameras=inputs.cameras,
            seed=context.seed,
            cache=cache_dir(),
            backbone=_anchored(inputs.backbone, context.project) or None,
        )
    path = save_policy(policy, context.directory / "policy")
    trained = trainable_parameters(policy)
    by_module = Counter[str]()
    for name, value in trained.items():
        by_module[module_of(name)] += value.numel()
    return BuildOutputs(
        path=path,
        parameters=sum(value.numel() for value in policy.parameters()),
        trainable=sum(by_module.values()),
        tensors=len(trained),
        dtypes=sorted({str(value.dtype).removeprefix("torch.") for value in trained.values()}),
        trainable_by_module=by_module,
        relative_actions=relative,
        digest=digest_of(policy.state_dict()),
        digest_loaded=digest_of(load_policy(path).state_dict()),
    )


@check("policy.trainable")
def trainable(outputs: BuildOutputs) -> Finding:
    """Something is trained, and all of it in fp32."""
    evidence = [
        Evidence(name="parameters", value=outputs.parameters),
        Evidence(name="trainable parameters", value=outputs.trainable),
        *(Evidence(name=f"trainable in {name}", value=count) for name, count in outputs.trainable_by_module.items()),
    ]
    if not outputs.trainable:
        return failed("no parameter is trainable", evidence=evidence, cause="everything is frozen")
    return passed_if(
        outputs.dtypes == ["float32"],
        f"{outputs.trainable:,} of {outputs.parameters:,} parameters are trained, in fp32",
        f"trainable parameters are {', '.join(outputs.dtypes)}",
        evidence=evidence,
        cause="in lower precision small updates and the proximal pull are rounded away",
    )


@check("policy.loads-back")
def loads_back(outputs: BuildOutputs) -> Finding:
    """The saved policy loads to the same tensors."""
    digests = {"digest built": outputs.digest, "digest loaded": outputs.digest_loaded}
    evidence = [Evidence(name=name, value=digest) for name, digest in digests.items()]
    good, bad = f"every tensor equal, {outputs.digest[:8]}", "the loaded policy differs from the saved one"
    return passed_if(outputs.digest == outputs.digest_loaded, good, bad, evidence=evidence)


def _anchored(given: str, project: Project) -> str:
    """Return a folder as an absolute path below the project where it is relative; a hub id and nothing as they are."""
    return absolute_source(given, project.root) if given else given
