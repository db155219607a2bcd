"""Data sets: LeRobot's formats and metadata, videos and their decoders, batches, the `datasets` library."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "batch-of-text",
        r"too many dimensions 'str'|new\(\): invalid data type 'str'|expected sequence of length \d+ at dim|excessive nesting",
        "a batch can't become a tensor: it holds text, or sequences of different lengths",
        "tokenize before the collator, drop the columns of text, and pad: padding=True, truncation=True",
        "",
    ),
    known(
        "torchcodec-missing",
        r"[Cc]ould not load libtorchcodec|lib(?:avutil|avcodec|avformat)\.so\S*: cannot open shared object",
        "torchcodec finds no FFmpeg it can use, or was built for another version of PyTorch",
        'conda install "ffmpeg<8" -c conda-forge, with the torchcodec that fits your torch; or video_backend=pyav',
        "huggingface/lerobot#964",
    ),
    known(
        "video-backend",
        r"Unsupported video backend",
        "the configured video backend does not exist",
        "set video_backend to torchcodec or pyav",
        "",
    ),
    known(
        "timestamps",
        r"violate the tolerance|Invalid frame index=\d+",
        "a frame is not where its time says: fps differs, frames are lost, or episodes were merged with a wrong offset",
        "compare the timestamps' distances with 1/fps; a larger tolerance_s only hides it",
        "huggingface/lerobot#2627",
        Fault.data_rate,
    ),
    known(
        "video-damaged",
        r"Could not push packet to decoder|Invalid data found when processing input|moov atom not found|No more frames to decode",
        "a video is damaged or was cut off while it was written or downloaded",
        "download it again, or leave the damaged episodes out",
        "",
        Fault.data_corrupt,
    ),
    known(
        "dataset-version",
        r"BackwardCompatibilityError|ForwardCompatibilityError|is in [v\d.]+ format",
        "the data set has another version of LeRobot's format than this LeRobot reads",
        "convert it (lerobot.datasets.v30.convert_dataset_v21_to_v30), or install the LeRobot of its version",
        "huggingface/lerobot#2191",
    ),
    known(
        "dataset-tag",
        r"RevisionNotFoundError|must be tagged with a codebase version",
        "the data set's repository has no tag of LeRobot's format version",
        "tag it (HfApi().create_tag(repo, tag='v3.0', repo_type='dataset')), or name its revision",
        "NVIDIA/Isaac-GR00T#171",
    ),
    known(
        "feature-mismatch",
        r"Feature mismatch in `?frame`?|Extra features|Missing features|All image (?:keys|features) are missing|KeyError: 'observation\.",
        "the data set's features have other names than the policy or the script expects",
        "compare meta/info.json with the policy's input_features; rename with --rename_map or in the converter",
        "Tavish9/any4lerobot#37",
    ),
    known(
        "batch-shapes",
        r"stack expects each tensor to be equal size|inhomogeneous shape|all the input array dimensions.*must match exactly",
        "the samples of one batch have different shapes: pictures of several sizes, or sequences without padding",
        "bring them to one size in the data set, or pad in collate_fn",
        "kohya-ss/sd-scripts#677",
    ),
    known(
        "datasets-generation",
        r"DatasetGenerationError|CastError|Couldn't cast|ArrowInvalid|Parquet magic bytes not found",
        "a file of the data set has other columns than the rest, or is damaged",
        "the cause is the error above it: it names the file and the column",
        "",
        Fault.data_corrupt,
    ),
    known(
        "statistics-missing",
        r"(?:mean|std|min|max).{0,40}infinity|You should either initialize with `?stats|missing.{0,20}(?:image )?stats",
        "the normalisation has no statistics of the data set",
        "compute them into meta/stats.json, or pass dataset_stats when the policy is built",
        "huggingface/lerobot#3786",
    ),
    known(
        "data-empty",
        r"num_samples should be a positive integer value|expected a non-empty TensorList|should not be an empty iterable|ZeroDivisionError|out of bounds for size 0",
        "something is empty or counts 0: a client's split without samples, a loader without batches, replies without examples",
        "print the lengths of the split and of the loader, and the number of examples that is returned",
        "",
    ),
    known(
        "empty-tensor",
        r"index 0 is out of bounds for dimension 0 with size 0",
        "a tensor is empty: among exchanged parameters a buffer without dimensions (num_batches_tracked), of which "
        "torch.Tensor(v) makes an empty one; else a batch or a split with nothing in it",
        "load parameters with torch.tensor(v) or torch.from_numpy(v); or print the length of the split",
        "flwrlabs/flower#4344",
    ),
    known(
        "index-range",
        r"IndexError: (?:list )?index (?:\d+ is )?out of (?:range|bounds)(?! in self)|IndexError: Invalid key: .* is out of bounds",
        "an item beyond the end of a list or data set was asked for",
        "compare the length with the index: an episode or client that was left out is the usual reason",
        "",
    ),
)
