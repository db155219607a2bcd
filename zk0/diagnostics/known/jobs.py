"""What runs the job: SLURM and other schedulers, Docker, Kubernetes, launchers."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "job-preempted",
        r"DUE TO (?:PREEMPTION|NODE FAILURE)|DUE to SIGNAL|NODE_FAIL",
        "the scheduler took the machine away: another job went first, or the node failed",
        "resume from the last checkpoint; submit with --requeue",
        "",
        Fault.killed,
    ),
    known(
        "pod-evicted",
        r"\b[Pp]od.{0,60}[Ee]victed|\bEvicted\b|was low on resource|node had condition: \[",
        "Kubernetes removed the pod because its node ran short of memory or disk",
        "set requests and limits to what the job uses; kubectl describe pod names the resource",
        "",
        Fault.killed,
    ),
    known(
        "pod-unschedulable",
        r"FailedScheduling|\d+/\d+ nodes are available|Unschedulable|Insufficient (?:nvidia\.com/gpu|cpu|memory)|Requested node configuration is not available|exceeds? (?:the )?QOS|QOSMax|Invalid (?:account|partition|qos)",
        "no machine has what the job asks for, or the account may not ask for it: it never starts",
        "compare the request with what the nodes have (sinfo -o '%G %m', kubectl describe node)",
        "",
        Fault.waiting,
    ),
    known(
        "slurm-launch",
        r"Task launch for \S+ failed|Application launch failed|Job credential expired|Batch job submission failed|Could not establish a configuration source|[Uu]nable to (?:create step for job|contact slurm controller|allocate resources)|container_[gp]_join|execve\(\): \S*slurm_script",
        "SLURM could not start the job: a node, its clock or its configuration is at fault, not the program",
        "submit it again, on another node (--exclude); give the line to who runs the cluster",
        "ai4d-iasc/trixie#58",
    ),
    known(
        "image-missing",
        r"ImagePullBackOff|ErrImagePull|manifest (?:for \S+ )?(?:unknown|not found)|pull access denied|repository does not exist",
        "the container's image can't be pulled: wrong name or tag, or no right to it",
        "docker pull it by hand with the same account; in Kubernetes set imagePullSecrets",
        "",
    ),
    known(
        "container-gpu",
        r"could not select device driver|nvidia-container-cli|nvidia-container-runtime|unknown or invalid runtime name: nvidia|libnvidia-ml\.so",
        "the container gets no GPU: NVIDIA's container toolkit is not installed, or does not fit the driver",
        "install nvidia-container-toolkit, run nvidia-ctk runtime configure and restart Docker; then docker run --gpus all … nvidia-smi",
        "",
    ),
    known(
        "container-start",
        r"exec format error|OCI runtime (?:create|exec) failed|CrashLoopBackOff|CreateContainerConfigError|Cannot connect to the Docker daemon|executable file not found in \$PATH|is unhealthy",
        "the container did not start or stay up: its program is missing, built for another processor, or ends at once",
        "docker logs (kubectl logs --previous) of that container has the reason",
        "",
    ),
    known(
        "task-failed",
        r"Exited with exit code|exits with return code|returned non-zero exit status|CalledProcessError|ExecuteUserScriptError|failed \(exitcode:|exited with code [1-9]|Training job failed",
        "a launcher says that what it started has failed; that program's own error is above, or in its own log",
        "read the first error of the process that is named",
        "",
    ),
)
