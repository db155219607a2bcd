"""Words by which a line says that something went wrong, wherever they stand in it, and known noise."""

import re

from zk0.ledger.log_events import IncidentKind

MOST_MESSAGE = 2_000  # characters of an exception's message

# The words of an error, and what happened. Order matters: the first that a line holds decides.
WORDS: tuple[tuple[str, IncidentKind], ...] = (
    ("cannot unpack non-iterable NoneType", IncidentKind.nothing_returned),
    ("CUDA out of memory", IncidentKind.out_of_memory),
    ("OutOfMemoryError", IncidentKind.out_of_memory),
    ("MPS backend out of memory", IncidentKind.out_of_memory),
    ("RESOURCE_EXHAUSTED: Out of memory", IncidentKind.out_of_memory),
    ("OOM when allocating", IncidentKind.out_of_memory),
    ("Unable to allocate", IncidentKind.out_of_memory),
    ("CUBLAS_STATUS_ALLOC_FAILED", IncidentKind.out_of_memory),
    ("CUDNN_STATUS_ALLOC_FAILED", IncidentKind.out_of_memory),
    ("insufficient shared memory", IncidentKind.out_of_memory),
    ("out of shared memory", IncidentKind.out_of_memory),
    ("cudaErrorMemoryAllocation", IncidentKind.out_of_memory),
    ("DefaultCPUAllocator: can't allocate memory", IncidentKind.out_of_memory),
    ("DefaultCPUAllocator: not enough memory", IncidentKind.out_of_memory),
    ("Cannot allocate memory", IncidentKind.out_of_memory),
    ("bad_alloc", IncidentKind.out_of_memory),
    ("cudaSuccess (2 vs. 0)", IncidentKind.out_of_memory),  # cudaErrorMemoryAllocation
    ("Out of memory: Kill", IncidentKind.out_of_memory),
    ("oom-kill", IncidentKind.out_of_memory),
    ("oom_kill", IncidentKind.out_of_memory),
    ("OOMKilled", IncidentKind.out_of_memory),
    ("exceeded memory limit", IncidentKind.out_of_memory),
    ("xceeded job memory limit", IncidentKind.out_of_memory),
    ("Out Of Memory", IncidentKind.out_of_memory),
    ("killed due to memory pressure", IncidentKind.out_of_memory),
    ("ran out of memory trying to allocate", IncidentKind.out_of_memory),
    ("RayActorError", IncidentKind.actor_died),  # its explanation names signals that may have been the reason
    ("ActorDiedError", IncidentKind.actor_died),
    ("The actor died", IncidentKind.actor_died),
    ("The actor is dead", IncidentKind.actor_died),
    ("DUE TO TIME LIMIT", IncidentKind.time_limit),
    ("exceeded walltime", IncidentKind.time_limit),
    ("exceeded the maximum execution time", IncidentKind.time_limit),
    ("TERM_RUNLIMIT", IncidentKind.time_limit),
    ("job killed: walltime", IncidentKind.time_limit),
    ("TERM_MEMLIMIT", IncidentKind.out_of_memory),
    ("job killed: mem", IncidentKind.out_of_memory),
    ("DUE TO PREEMPTION", IncidentKind.interrupted),
    ("DUE TO NODE FAILURE", IncidentKind.interrupted),
    ("Fatal Python error", IncidentKind.crashed),
    ("terminate called after throwing", IncidentKind.crashed),
    ("Illegal instruction", IncidentKind.crashed),
    ("Floating point exception", IncidentKind.crashed),
    ("double free or corruption", IncidentKind.crashed),
    ("Segmentation fault", IncidentKind.crashed),
    ("segmentation fault", IncidentKind.crashed),
    ("Bus error", IncidentKind.crashed),
    ("core dumped", IncidentKind.crashed),
    ("SIGSEGV", IncidentKind.crashed),
    ("SIGABRT", IncidentKind.crashed),
    ("SIGBUS", IncidentKind.crashed),
    ("Watchdog caught collective operation timeout", IncidentKind.collective_timeout),
    ("caught collective operation timeout", IncidentKind.collective_timeout),
    ("collective operation timeout", IncidentKind.collective_timeout),
    ("watchdog thread terminated with exception", IncidentKind.collective_timeout),
    ("waiting for remainder of ranks", IncidentKind.collective_timeout),  # Horovod, which goes on if they come
    ("is killed by signal", IncidentKind.killed),
    ("(SIGKILL)", IncidentKind.killed),
    ("with SIGKILL", IncidentKind.killed),
    ("by SIGKILL", IncidentKind.killed),
    ("Signal 9", IncidentKind.killed),
    ("CANCELLED AT", IncidentKind.interrupted),  # by a person or the scheduler; memory and time limits say so
    ("is out of bounds", IncidentKind.error_logged),
    ("ABORT (RUN) command", IncidentKind.interrupted),
    ("KeyboardInterrupt", IncidentKind.interrupted),
    ("(SIGTERM)", IncidentKind.interrupted),
    ("eceived SIGTERM", IncidentKind.interrupted),
    ("got SIGTERM", IncidentKind.interrupted),
    ("death signal, shutting down", IncidentKind.interrupted),
    ("(SIGINT)", IncidentKind.interrupted),
    ("eceived SIGINT", IncidentKind.interrupted),
    ("Unsupported video backend", IncidentKind.unsupported_backend),
    ("unexpectedly violate the tolerance", IncidentKind.timestamps),
    ("Could not push packet to decoder", IncidentKind.decode_error),
    ("Invalid data found when processing input", IncidentKind.decode_error),
    ("invalid python storage", IncidentKind.storage_invalid),
    ("Failed to connect to GCS", IncidentKind.actor_died),
    ("command not found", IncidentKind.program_missing),
    ("No such file or directory: 'flower-", IncidentKind.program_missing),
    ("Exception calling application", IncidentKind.error_logged),
    ("Client raised an exception", IncidentKind.client_failed),
    ("EXECUTION_EXCEPTION", IncidentKind.client_failed),
    ("EXECUTION_RESULT_ERROR", IncidentKind.client_failed),
    ("ClientApp raised an exception", IncidentKind.client_failed),
    ("loss is nan", IncidentKind.not_finite),
    ("diverged with loss", IncidentKind.not_finite),
    ("returned nan values", IncidentKind.not_finite),
    ("Loss is NaN", IncidentKind.not_finite),
    ("Loss is nan", IncidentKind.not_finite),
    ("loss=nan", IncidentKind.not_finite),
    ("overflow detected, setting loss scale", IncidentKind.scale_lowered),
    ("radient overflow", IncidentKind.scale_lowered),
    ("OVERFLOW!", IncidentKind.scale_lowered),
    ("reached minimum loss scale", IncidentKind.scale_lowered),
    ("non-finite", IncidentKind.not_finite),
    ("contains NaN", IncidentKind.not_finite),
    ("NaN or Inf found", IncidentKind.not_finite),
    ("Invalid loss, terminating", IncidentKind.not_finite),
    ("became nan", IncidentKind.not_finite),
    ("became NaN", IncidentKind.not_finite),
    # What runs the job: a finding only where the table of known exceptions has it.
    ("Error response from daemon", IncidentKind.error_logged),
    ("FailedScheduling", IncidentKind.error_logged),
    ("ImagePullBackOff", IncidentKind.error_logged),
    ("ErrImagePull", IncidentKind.error_logged),
    ("CrashLoopBackOff", IncidentKind.error_logged),
    ("nvidia-container-cli", IncidentKind.error_logged),
    ("exec format error", IncidentKind.error_logged),
    ("The node was low on resource", IncidentKind.error_logged),
    ("Exited with exit code", IncidentKind.error_logged),
    ("exits with return code", IncidentKind.error_logged),
    ("returned non-zero exit status", IncidentKind.error_logged),
    ("MPI_ABORT was invoked", IncidentKind.error_logged),
    ("mpirun noticed that", IncidentKind.error_logged),
    ("Root Cause (first observed failure)", IncidentKind.error_logged),
    ("can't open file '", IncidentKind.error_logged),
    (": error: ", IncidentKind.error_logged),
    (": fatal: ", IncidentKind.error_logged),
    ("Exception in device", IncidentKind.error_logged),
    ("Training job failed", IncidentKind.error_logged),
    ("socket has timed out after", IncidentKind.error_logged),
    ("huge value in Q", IncidentKind.error_logged),
    ("PxgDynamicsMemoryConfig", IncidentKind.error_logged),
    ("Waiting for", IncidentKind.waiting),
    ("waiting for", IncidentKind.waiting),
    ("Still waiting", IncidentKind.waiting),
    ("Trying to login", IncidentKind.retried),
    ("Trying to connect", IncidentKind.retried),
    ("Not Connected] is closed", IncidentKind.retried),
    ("Retrying", IncidentKind.retried),
    ("retrying", IncidentKind.retried),
    ("Trying again", IncidentKind.retried),
    ("trying again", IncidentKind.retried),
    ("Reconnecting", IncidentKind.retried),
)

# Each of the words above holds one of these: a text without any of them needs no closer look.
SIGNS = (
    "rror", "emory", "NaN", "nan", "not found", "finite", "xception", "violate", "Could not push", "Invalid data",
    "invalid python", "GCS", "actor died", "actor is dead", "video backend", "NoneType", "flower-", "OOM", "oom",
    "lloc", "ALLOC", "TIME LIMIT", "walltime", "maximum execution", "egmentation", "core dumped", "SIG", "collective",
    "watchdog", "illed", "ignal 9", "exitcode", "137", "CANCELLED", "Interrupt", "aiting", "etrying", "rying again",
    "econnecting", "Terminated", "Aborted", "Out Of M", "death signal", "diverged", "code", "status", "EXECUTION",
    "TERM_", "DUE TO", "FailedSched", "ImagePull", "LoopBackOff", "nvidia-container", "terminate called",
    "llegal instr", "double free", "Invalid loss", "Root Cause", "node was low", "ABORT", "noticed",
    "rying to", "Not Connected", "huge value", "cudaSuccess", "overflow", "OVERFLOW", "loss scale",
    "timed out", "job failed", "open file", "job killed", ": fatal", "of bounds",
)  # fmt: skip

# What a shell says of a process that a signal ended; each is the whole message or its end.
_ENDINGS = (
    (re.compile(r"(?:.*\s|\S+: line \d+:.*)?Killed(?:\s{2,}.*|: 9)?\s*$"), IncidentKind.killed),
    (re.compile(r"(?:.*\s)?Terminated(?:\s{2,}.*|: 15)?\s*$"), IncidentKind.interrupted),
    (re.compile(r"(?:.*\s)?Aborted(?: \(core dumped\))?(?:\s{2,}.*)?\s*$"), IncidentKind.crashed),
)
# A process that a signal ended, by its exit code: Python's and NVFlare's `-9`, a shell's and Docker's `137`.
_EXIT = re.compile(
    r"(?i)(?:exit|execution|return|status)(?:ed)?[ _-]?(?:with )?(?:code|status)?\s*[:=]?\s*"
    r"(?:-(?P<signal>\d{1,2})|(?P<shell>1[23]\d|14[0-3]))\b(?![.:%])"
)
# A loss that is no number, in a line that no reader took.
_LOST = re.compile(r"(?i)(?<![\w.])(?:[\w/]*loss|grad(?:ient)?[ _]?norm)\b[^\w\n]{0,6}(?:is |was |value )?-?nan\b")
_SHELL = 128  # is added to the signal
_SIGNALS = {
    9: IncidentKind.killed,
    15: IncidentKind.interrupted,
    2: IncidentKind.interrupted,
    **dict.fromkeys((4, 6, 7, 8, 11), IncidentKind.crashed),
}
_MOST_ENDING = 300  # characters; the shell's line repeats the command

# Drawn progress, decoration and the small talk of libraries: known to say nothing about a run.
NOISE_WORDS = (
    "%|", "/s]", "warnings.warn", "Warning: ", " params - ", "DEPRECATED", "TOKENIZERS_PARALLELISM",
    "Attempted loss scale", "reducing loss scale",
)  # fmt: skip


# How programs, compiled libraries and launchers say that something failed, in words that are no one program's.
COMPLAINTS = re.compile(
    r"(?i)\b(?:error|fatal|panic(?:ked)?|fail(?:ed|ure)?|crash(?:ed)?|abort(?:ed|ing)?|corrupt(?:ed)?"
    r"|\w*assert(?:ion)?|unable to|can(?:not|'t| not) \w+|could(?: not|n't) \w+|does(?: not|n't) exist"
    r"|no (?:such|space left)|denied|refused|rejected|timed out|unreachable|already in use)\b"
)
# The same words in a line that does without what is missing, counts failures, or says that there are none.
_HARMLESS = re.compile(
    r"(?i)\b(?:warn(?:ing)?s?|deprecat\w+|fall(?:ing)?[ -]?back|ignor\w+|skipp\w+|instead|default\w*|optional|disabl\w+"
    r"|adding|assum\w+|using|until|treat\w*"
    r"|(?:eval\w*|train\w*|valid\w*|test|mean|average|squared|absolute|relative|max)[ _-]error"
    r"|initialize backend '(?:tpu|rocm|metal)"  # JAX looks for each kind of accelerator
    r"|retry\w*|may|might|would|continu\w+|will be|success\w*|if (?:this|you|it|the)"
    r"|(?:no|0|without|zero) (?:\w+ )?(?:errors?|failures?|failed)"
    r"|(?:errors?|fail\w*|timeout|mismatch\w*)\s*[:=]+\s*(?:[-+]?[\d.]|None|False|null))\b"
)
_FRAME = re.compile(r"\s*(?:@ +0x|#\d+ |\*{3}|frame #|at [\w.$<>]+\(|\[ ?\d+\] )")  # of a compiled program's stack
_MOST_COMPLAINT = 400  # characters; prose and printed data are longer
_CELLS = 3  # bars in a line: it is a row of a table or of data

# Programs print their own source at the start: what a line of it would say has not happened.
_CODE = re.compile(r"\s*(?:(?:raise|if|elif|return|assert|def|class|for|while|with|except)\b.*[:()]|#|>>> |print\()")


def kind_of(text: str) -> IncidentKind | None:
    """Return what the words of a line say happened; None where they say nothing of the sort, or are a program's."""
    if _CODE.match(text):
        return None
    found = next((kind for word, kind in WORDS if word in text), None)
    if found not in (None, IncidentKind.error_logged):
        return found
    if "nan" in text.lower() and _LOST.search(text):
        return IncidentKind.not_finite
    return ends_a_process(text) or _exit_of(text) or found  # a launcher's error may say which signal it was


def complains(text: str) -> bool:
    """Return whether the words of a line say that something failed, and not that the program does without it."""
    if (
        len(text) > _MOST_COMPLAINT
        or _CODE.match(text)
        or _FRAME.match(text)
        or "%|" in text
        or text.count("|") >= _CELLS
    ):
        return False
    return COMPLAINTS.search(text) is not None and _HARMLESS.search(text) is None


def _exit_of(text: str) -> IncidentKind | None:
    """Return how a process ended, where the line gives an exit code that stands for a signal."""
    if "code" not in text and "status" not in text:
        return None
    found = _EXIT.search(text)
    if found is None:
        return None
    return _SIGNALS.get(int(found["signal"]) if found["signal"] else int(found["shell"]) - _SHELL)


def ends_a_process(text: str) -> IncidentKind | None:
    """Return how a process ended, where the line is a shell's word for it."""
    if len(text) > _MOST_ENDING or not any(sign in text for sign in ("Killed", "Terminated", "Aborted")):
        return None
    return next((kind for pattern, kind in _ENDINGS if pattern.match(text)), None)
