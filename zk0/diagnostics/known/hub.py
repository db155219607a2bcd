"""The Hugging Face Hub and disks: access, limits, what is missing, what is full."""

from zk0.diagnostics.known import known

ROWS = (
    known(
        "hub-gated",
        r"GatedRepoError|403 (?:Client Error|Forbidden).{0,200}/resolve/|access a gated repo|Access to (?:model|dataset) \S+ is restricted|awaiting a review",
        "the repository asks for its conditions to be accepted first",
        "accept them on its page with the account whose token you use, then hf auth login",
        "",
    ),
    known(
        "hub-not-found",
        r"RepositoryNotFoundError|Repository Not Found|401 Client Error|Invalid username or password",
        "no such repository for this account: it does not exist, is private, or only a local folder was meant",
        "check repo_id; for local data set root; for a private one hf auth login",
        "huggingface/lerobot#603",
    ),
    known(
        "hub-forbidden",
        r"403 (?:Client Error|Forbidden)(?!.{0,200}/resolve/)|You don't have the rights to create",
        "the token may not write there",
        "use a token with write access, and a namespace of your own; or push_to_hub=false",
        "huggingface/autotrain-advanced#274",
    ),
    known(
        "hub-rate",
        r"429 Client Error|Too Many Requests",
        "the Hub limits requests, and a data set of many small files needs many",
        "log in (a higher limit), download once to a folder and train from it",
        "huggingface/huggingface_hub#2936",
    ),
    known(
        "hub-entry",
        r"(?<!Local)EntryNotFoundError|Entry Not Found for url|does not appear to have a file named",
        "the repository exists and lacks this file: another format, revision or folder",
        "look at its list of files; name the revision or the subfolder",
        "",
    ),
    known(
        "hub-offline",
        r"LocalEntryNotFoundError|outgoing traffic has been disabled|OfflineModeIsEnabled|We couldn't connect to 'https://huggingface\.co|MaxRetryError.*huggingface\.co|NameResolutionError",
        "the Hub can't be reached from here, and the files are not in the cache",
        "download them on a machine with network (hf download) and set HF_HOME to that folder",
        "huggingface/text-generation-inference#3090",
    ),
    known(
        "wandb-login",
        r"wandb.{0,40}(?:UsageError|AuthenticationError|api_key not configured)|No API key configured",
        "Weights & Biases is on, and nobody is logged in",
        "wandb login, or WANDB_MODE=offline",
        "",
    ),
    known(
        "disk-full",
        r"No space left on device|StorageFull|Errno 28\b|Disk quota exceeded|Errno 122\b",
        "the disk, or your quota on it, is full",
        "delete old checkpoints, keep fewer, or write elsewhere; df -h and quota -s show which",
        "databrickslabs/dolly#139",
    ),
    known(
        "output-exists",
        r"Output directory \S+ (?:already )?exists|output directory.{0,40}already exist|FileExistsError",
        "the output folder of an earlier run is there, and this run does not resume it",
        "name another output_dir, or resume the earlier run (--resume=true with its config_path)",
        "huggingface/lerobot#322",
    ),
    known(
        "file-missing",
        r"FileNotFoundError|No such file or directory",
        "a file or folder that the program needs is not there",
        "compare the path with the folder the program was started in",
        "",
    ),
    known(
        "no-permission",
        r"PermissionError|Permission denied",
        "the account that runs the program may not read or write this path",
        "change its owner or choose another folder; in a container run as the folder's owner",
        "",
    ),
)
