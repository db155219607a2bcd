"""Checkpoints and policies that can't be loaded, and packages of versions that don't fit."""

from zk0.diagnostics.known import known

ROWS = (
    known(
        "weights-only",
        r"Weights only load failed|WeightsUnpickler error",
        "since PyTorch 2.6 torch.load refuses what is not plain weights; or the file is damaged",
        "save and load plain tensors (safetensors); weights_only=False only for files you trust",
        "alex-petrenko/sample-factory#313",
    ),
    known(
        "checkpoint-damaged",
        r"PytorchStreamReader failed|HeaderTooLarge|InvalidHeaderDeserialization|MetadataIncompleteBuffer|invalid load key|unexpected EOF|InvalidHeaderLength",
        "the weights' file is damaged, incomplete, or a pointer of Git LFS in its place",
        "compare its size with the repository's and download it again",
        "chflame163/ComfyUI_LayerStyle#499",
    ),
    known(
        "state-shape",
        r"size mismatch for|copying a param with shape",
        "the checkpoint was made for other dimensions (joints, cameras, classes) than this policy has",
        "build the policy from the checkpoint's own config, or train a new head for your robot",
        "huggingface/lerobot#1329",
    ),
    known(
        "state-other",
        r"Error\(s\) in loading state_dict for \S+?:?\s*$",
        "the checkpoint's tensors have other names or other shapes than the policy's; the lines behind it say which",
        "build the policy from the checkpoint's own config, with the version of the code that saved it",
        "huggingface/lerobot#1329",
    ),
    known(
        "state-keys",
        r"Error\(s\) in loading state_dict|Missing key\(s\) (?:in state_dict|when loading)|Unexpected key\(s\)|missing / %d unexpected keys|(?:missing|unexpected) keys",
        "the checkpoint's tensors have other names than the policy's: another version of the code, or another policy",
        "load it with the version that saved it, or migrate it; strict=False leaves those tensors untrained",
        "huggingface/lerobot#1733",
    ),
    known(
        "lerobot-layout",
        r"No module named 'lerobot\.|cannot import name '\w+' from 'lerobot",
        "LeRobot moved its modules between versions (lerobot.common is gone since 0.3)",
        "import from lerobot.datasets, lerobot.policies …, or pin the version that the code was written for",
        "Physical-Intelligence/openpi#617",
    ),
    known(
        "flash-attention",
        r"FlashAttention2? has been toggled on|No module named 'flash_attn|flash_attn.{0,60}(?:not installed|undefined symbol)",
        "the model asks for FlashAttention, which is not installed or was built for another PyTorch",
        'load the model with attn_implementation="sdpa", or install the flash-attn of your torch and CUDA',
        "zhangfaen/finetune-Qwen2-VL#20",
    ),
    known(
        "numpy-abi",
        r"compiled using NumPy 1\.x cannot be run|numpy\.dtype size changed|_ARRAY_API not found|numpy\.core\.multiarray failed to import|module 'numpy' has no attribute",
        "a package was built for another major version of NumPy than the one installed",
        'pip install "numpy<2", or newer versions of the packages in the traceback',
        "jupyter/notebook#7522",
    ),
    known(
        "undefined-symbol",
        r"undefined symbol|GLIBCXX_\S+' not found|GLIBC_\S+' not found|cannot open shared object file|DLL load failed",
        "a compiled library does not fit the others: built for another PyTorch, CUDA or system",
        "reinstall the packages named in the message together, from one source",
        "ace-step/ACE-Step-1.5#937",
    ),
    known(
        "protobuf-versions",
        r"Descriptors cannot be created directly|VersionError: Detected (?:incompatible|mismatched) Protobuf|Gencode/Runtime",
        "generated protobuf code and the protobuf package are of different versions",
        "install the version of protobuf that the package in the traceback asks for",
        "",
    ),
    known(
        "module-missing",
        r"ModuleNotFoundError|No module named",
        "a package is not installed in the environment that runs the program, or goes by another name there",
        "pip install it there: python -m pip, with the very python of the traceback",
        "NVlabs/vla0#13",
    ),
    known(
        "name-moved",
        r"ImportError: cannot import name|AttributeError: module '[\w.]+' has no attribute",
        "the package is of another version than the code was written for",
        "compare the installed version with the one the project names, and pin it",
        "",
    ),
    known(
        "argument-unknown",
        r"got an unexpected keyword argument|unrecognized arguments|DecodingError|The fields .* are not valid|Could not override",
        "an option or argument that this version does not have",
        "compare it with --help, or with the signature, of the version that is installed",
        "",
    ),
    known(
        "json-damaged",
        r"JSONDecodeError|Expecting value: line 1 column 1",
        "a JSON file is empty or cut off, as one is that was being written when a process died",
        "look at the file; restore it or delete it so that it is made again",
        "",
    ),
)
