"""Training frameworks: transformers, accelerate, PEFT, bitsandbytes, DeepSpeed, Lightning, Hydra; how jobs are configured."""

from zk0.diagnostics.known import known

ROWS = (
    known(
        "padding",
        r"(?:not|n't) have a padding token|should probably activate truncation and/or padding|Unable to create tensor",
        "texts of different lengths are put into one batch, and nothing pads them",
        "tokenizer.pad_token = tokenizer.eos_token where it has none; padding and truncation on, and a collator that pads labels",
        "huggingface/transformers#8452",
    ),
    known(
        "architecture-unknown",
        r"does not recognize this architecture|Unrecognized (?:configuration class|model in)|is not supported for (?:task|AutoModel)|KeyError: '(?:qwen|llama|mistral|gemma|phi|mllama|deepseek)\w*'",
        "the installed transformers is older than the model, or the model has code of its own",
        "update transformers to the version in the model's config.json (transformers_version)",
        "",
    ),
    known(
        "no-loss-returned",
        r"model did not return a loss from the inputs",
        "the batch has no labels under the name that the model takes",
        "name the column labels, and keep it: remove_unused_columns drops what forward does not name",
        "",
    ),
    known(
        "quantised-moved",
        r"`?\.to`? is not supported for `?\d-bit|can(?:'t|not) train a model that has been loaded in 8-bit|purely quantized models|has been loaded with `?device_map",
        "a quantised model is moved, or trained whole; only adapters on top of it can be trained",
        "leave out .to(device), load it on the device of its process, and train a LoRA adapter",
        "",
    ),
    known(
        "bitsandbytes",
        r"CUDA Setup failed|bitsandbytes.{0,80}(?:without GPU support|not installed|not available|requires)|libbitsandbytes_\w+\.so|cquantize_blockwise|get_native_library",
        "bitsandbytes found no CUDA library that it was built for",
        "python -m bitsandbytes shows which it looks for; install the version for your CUDA",
        "",
    ),
    known(
        "package-required",
        r"requires the `?[\w-]+`? library but it was not found|requires `?[\w.-]+`?(?:>=[\d.]+)?: `?(?:please )?run|requires `?accelerate",
        "an optional package, or a newer version of it, is missing",
        "install it as the message says, in the environment that runs the program",
        "",
    ),
    known(
        "version-conflict",
        r"is required for a normal functioning of this module|VersionConflict|ContextualVersionConflict|ResolutionImpossible|DistributionNotFound",
        "installed packages ask for versions of each other that are not there",
        "install what the message names in its range; a new environment from the project's lock file is the surest",
        "",
    ),
    known(
        "evaluation-settings",
        r"load_best_model_at_end.{0,80}(?:save|eval)|metric_for_best_model|KeyError: 'eval_\w+'|requires an? `?eval_dataset",
        "the best model is to be chosen by a metric that is not computed, or not at the steps where it is saved",
        "give an eval_dataset, the same strategy for saving and evaluating, and a metric that the evaluation prints",
        "",
    ),
    known(
        "cuda-toolkit",
        r"CUDA_HOME (?:environment variable )?(?:is not set|does not exist)|CUDAMismatchException|nvcc.{0,20}not found|Error building extension|Ninja is required|detected CUDA version .{0,40}mismatches",
        "an extension has to be compiled, and there is no CUDA toolkit, or one of another version than PyTorch's",
        "install the toolkit of torch.version.cuda and set CUDA_HOME, or take a package that is already built",
        "",
    ),
    known(
        "deepspeed-batches",
        r"Check batch related parameters|train_batch_size is not equal to micro_batch",
        "DeepSpeed's batch sizes contradict each other: the whole is not one device's times accumulation times devices",
        'leave two of the three to "auto", or correct the one that the message shows',
        "",
    ),
    known(
        "zero-sharded",
        r"weight should have at least three dimensions|'weight' must be 2-D|size mismatch.{0,200}torch\.Size\(\[0\]\)|tensor a \(0\)|NoneType' object has no attribute 'ds_\w+",
        "ZeRO-3 holds only a part of each weight on one process, and code reads it as if it were whole",
        "gather it first (deepspeed.zero.GatheredParameters), or use ZeRO-2",
        "",
    ),
    known(
        "lightning-configuration",
        r"MisconfigurationException|could not find the monitored key|conditioned on metric `?\S+`? which is not available",
        "the Trainer is configured with something that is not there: a device, a logged metric, a method",
        "the message names it; metrics have to be logged with self.log under just that name",
        "",
    ),
    known(
        "configuration-key",
        r"ConfigAttributeError|ConfigKeyError|MissingMandatoryValue|InterpolationKeyError|MissingConfigException|ConfigCompositionException|Key '\S+' is not in struct|the following arguments are required|yaml\.\w+\.\w+Error|ScannerError|TOMLDecodeError",
        "the configuration lacks a key or an argument, has one that nothing reads, or is not valid",
        "compare it with the example of the version that is installed; the message names the key or the line",
        "",
    ),
)
