"""The field's exceptions: each row is met by what its library prints, and by no other row's example."""

import re

import pytest

from zk0.core.faults import Fault
from zk0.diagnostics.known import known_exceptions, recognize

EXAMPLES = {
    "ray-memory-pressure": "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
    "cuda-memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "mps-memory": "RuntimeError: MPS backend out of memory (MPS allocated: 17 GB)",
    "jax-memory": "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 5 bytes.",
    "tensorflow-memory": "ResourceExhaustedError: OOM when allocating tensor with shape[64,512]",
    "numpy-memory": "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 12.4 GiB for an array with shape (6,)",
    "loader-worker-killed": "RuntimeError: DataLoader worker (pid 22358) is killed by signal: Killed.",
    "shared-memory": "RuntimeError: DataLoader worker (pid 4) is killed by signal: Bus error. It is possible that workers are out of shared memory.",
    "allocation-refused": "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
    "client-fn-signature": "ValueError: a `client_fn` that does not have a signature in the form: `def client_fn(context: Context)`",
    "client-fn-returns": "AttributeError: 'MnistClient(NumPyClient)' object has no attribute 'to_client'",
    "fit-return": "Exception: NumPyClient.fit did not return a tuple with 3 elements.",
    "evaluate-return": "Exception: NumPyClient.evaluate did not return a tuple with 3 elements.",
    "client-arguments": "TypeError: FlowerClient() takes no arguments",
    "start-client-arguments": "TypeError: start_numpy_client() takes 0 positional arguments but 1 was given",
    "flower-import": "ImportError: cannot import name 'ParametersRes' from 'flwr.common'",
    "message-expired": "Error: Message Unavailable - The requested message could not be found in the database.",
    "node-unavailable": "Error: Node Unavailable - The destination node is currently unavailable.",
    "supernode-registration": "RuntimeError: generator didn't yield",
    "partition-missing": "KeyError: 'partition-id'",
    "run-config-key": "KeyError: 'lr' in run_config",
    "aggregate-none": "TypeError: cannot unpack non-iterable NoneType object",
    "ray-worker-imports": "ray.exceptions.RaySystemError: System error: No module named 'task'",
    "nvflare-result-timeout": "RuntimeError: failed to send task result: timeout",
    "nvflare-aborted": "RuntimeError: Received command to abort job",
    "simulation-crashed": "RuntimeError: Simulation crashed.",
    "grpc-message-size": "_MultiThreadedRendezvous: StatusCode.RESOURCE_EXHAUSTED: Sent message larger than max (5 vs. 4)",
    "grpc-protobuf-limit": "ValueError: Message FitIns exceeds maximum protobuf size of 2GB: 2147483648",
    "grpc-tls": "RpcError: Ssl handshake failed: SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED",
    "grpc-unavailable": "_InactiveRpcError: StatusCode.UNAVAILABLE: failed to connect to all addresses",
    "grpc-deadline": "_InactiveRpcError: StatusCode.DEADLINE_EXCEEDED: Deadline Exceeded",
    "grpc-unimplemented": "_InactiveRpcError: StatusCode.UNIMPLEMENTED: Method not found!",
    "ray-actor-died": "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.",
    "ray-start": "RuntimeError: Failed to connect to GCS.",
    "ray-store-full": "ray.exceptions.ObjectStoreFullError: Failed to put object",
    "ray-missing": "ImportError: Unable to import module `ray`.",
    "address-in-use": "torch.distributed.DistNetworkError: name: EADDRINUSE, message: address already in use",
    "collective-timeout": "DistError: Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1)",
    "nccl-error": "RuntimeError: NCCL error in: ProcessGroupNCCL.cpp:1333, unhandled system error",
    "child-failed": "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: train.py FAILED",
    "connection-lost": "ConnectionResetError: [Errno 104] Connection reset by peer",
    "torchcodec-missing": "RuntimeError: Could not load libtorchcodec. Likely causes: 1. FFmpeg is not properly installed",
    "video-backend": "ValueError: Unsupported video backend: opencv",
    "timestamps": "AssertionError: One or several query timestamps unexpectedly violate the tolerance",
    "video-damaged": "RuntimeError: Could not push packet to decoder: Invalid data found when processing input",
    "dataset-version": "lerobot.datasets.backward_compatibility.BackwardCompatibilityError: The dataset is in 2.1 format.",
    "dataset-tag": "huggingface_hub.errors.RevisionNotFoundError: Your dataset must be tagged with a codebase version.",
    "feature-mismatch": "ValueError: Feature mismatch in `frame` dictionary: Extra features: {'task'}",
    "batch-shapes": "RuntimeError: stack expects each tensor to be equal size, but got [4] at entry 0 and [5] at entry 1",
    "datasets-generation": "datasets.exceptions.DatasetGenerationError: An error occurred while generating the dataset",
    "statistics-missing": "AssertionError: `mean` is infinity. You should either initialize with `stats` as an argument",
    "index-range": "IndexError: list index out of range",
    "hub-gated": "huggingface_hub.errors.GatedRepoError: 403 Client Error.",
    "hub-not-found": "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. Repository Not Found for url",
    "hub-forbidden": "HfHubHTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/api/repos/create",
    "hub-rate": "HfHubHTTPError: 429 Client Error: Too Many Requests for url",
    "hub-entry": "huggingface_hub.errors.EntryNotFoundError: 404 Client Error. Entry Not Found for url",
    "hub-offline": "huggingface_hub.errors.LocalEntryNotFoundError: outgoing traffic has been disabled",
    "wandb-login": "wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login",
    "disk-full": "OSError: [Errno 28] No space left on device",
    "output-exists": "FileExistsError: Output directory outputs/train already exists and resume is False.",
    "file-missing": "FileNotFoundError: [Errno 2] No such file or directory: 'data/train.json'",
    "no-permission": "PermissionError: [Errno 13] Permission denied: '/data'",
    "weights-only": "_pickle.UnpicklingError: Weights only load failed.",
    "checkpoint-damaged": "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge",
    "state-shape": "RuntimeError: Error(s) in loading state_dict for Net: size mismatch for fc.weight",
    "state-other": "RuntimeError: Error(s) in loading state_dict for SmolVLAPolicy:",
    "state-keys": 'RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict: "a".',
    "lerobot-layout": "ModuleNotFoundError: No module named 'lerobot.common'",
    "flash-attention": "ImportError: FlashAttention2 has been toggled on, but it cannot be used",
    "numpy-abi": "ImportError: A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.0",
    "undefined-symbol": "ImportError: /lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found",
    "protobuf-versions": "TypeError: Descriptors cannot be created directly.",
    "module-missing": "ModuleNotFoundError: No module named 'einops'",
    "name-moved": "ImportError: cannot import name 'cached_download' from 'huggingface_hub'",
    "argument-unknown": "TypeError: train() got an unexpected keyword argument 'epochs'",
    "json-damaged": "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "egl-device": "ImportError: Cannot initialize a EGL device display.",
    "gl-context": "mujoco.FatalError: gladLoadGL error",
    "mujoco-model": "ValueError: XML Error: Schema violation: unrecognized attribute",
    "physx-buffer": "PhysX error: increase PxgDynamicsMemoryConfig::foundLostAggregatePairsCapacity to 1064",
    "mujoco-unstable": "RuntimeWarning: Nan, Inf or huge value in QACC at DOF 0. The simulation is unstable.",
    "environment-missing": "gymnasium.error.NameNotFound: Environment `PushT` doesn't exist.",
    "loader-worker-died": "RuntimeError: DataLoader worker (pid(s) 4, 5) exited unexpectedly",
    "spawn-guard": "RuntimeError: An attempt has been made to start a new process before the current process has finished its bootstrapping phase.",
    "pickle-local": "AttributeError: Can't pickle local object 'main.<locals>.<lambda>'",
    "open-files": "OSError: [Errno 24] Too many open files",
    "serial-port": "serial.serialutil.SerialException: could not open port /dev/ttyACM0",
    "recursion": "RecursionError: maximum recursion depth exceeded",
    "interrupted": "KeyboardInterrupt",
    "cuda-assert": "RuntimeError: CUDA error: device-side assert triggered",
    "cuda-kernel-image": "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "cuda-driver": "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
    "cuda-illegal-access": "RuntimeError: CUDA error: an illegal memory access was encountered",
    "cuda-absent": "AssertionError: Torch not compiled with CUDA enabled",
    "cudnn": "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "cublas": "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "tpu-device": "Exception in device=TPU:1: Check failed: OK() (Cancelled by TearDown. vs. OK)",
    "cuda-hardware": "RuntimeError: CUDA error: uncorrectable ECC error encountered",
    "two-devices": "RuntimeError: Expected all tensors to be on the same device, but found cuda:0 and cpu!",
    "matrix-shapes": "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x14 and 6x256)",
    "dtypes": "RuntimeError: mat1 and mat2 must have the same dtype, but got Float and BFloat16",
    "no-gradient": "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
    "graph-reused": "RuntimeError: Trying to backward through the graph a second time",
    "ddp-unused": "RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.",
    "scaler-unscaled": "AssertionError: No inf checks were recorded for this optimizer.",
    "parameters-empty": "ValueError: optimizer got an empty parameter list",
    "grpc-application": "_InactiveRpcError: StatusCode.UNKNOWN: Exception calling application: no such tensor",
    "grpc-pings": "_MultiThreadedRendezvous: StatusCode.UNAVAILABLE: Too many pings",
    "grpc-listening-address": "_MultiThreadedRendezvous: StatusCode.UNAVAILABLE: failed to connect: ipv4:0.0.0.0:9092: refused",
    "grpc-bridge-closed": "flwr.server.grpc_bridge.GrpcBridgeClosed",
    "empty-tensor": "IndexError: index 0 is out of bounds for dimension 0 with size 0",
    "batch-of-one": "ValueError: Expected more than 1 value per channel when training, got input size [1, 8]",
    "label-range": "IndexError: Target 7 is out of bounds.",
    "not-on-the-cpu": "TypeError: can't convert cuda:0 device type tensor to numpy.",
    "meta-tensor": "NotImplementedError: Cannot copy out of meta tensor; no data!",
    "unpacked-count": "ValueError: too many values to unpack (expected 4)",
    "abstract-method": "TypeError: Can't instantiate abstract class Median without an implementation for 'aggregate_fit'",
    "distribution-not-finite": "RuntimeError: normal expects all elements of std >= 0.0",
    "loss-scale-floor": "Exception: Current loss scale already at minimum - cannot decrease scale anymore.",
    "data-empty": "ValueError: num_samples should be a positive integer value, but got num_samples=0",
    "loss-not-finite": "ValueError: Loss is nan, stopping training",
    "keras-loss-shape": "ValueError: Shapes (None, 1) and (None, 10) are incompatible",
    "keras-input-shape": 'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected axis -1 to have value 8',
    "keras-weights-shape": "ValueError: Layer functional weight shape (3, 3, 3, 32) is not compatible with provided "
    "weight shape (3, 3, 3, 4).",
    "keras-no-gradients": "ValueError: No gradients provided for any variable: ['dense/kernel:0']",
    "tensorflow-convert": "ValueError: Failed to convert a NumPy array to a Tensor (Unsupported object type list).",
    "keras-input-ran-out": "Warning: Your input ran out of data; interrupting training.",
    "keras-checkpoint": "ValueError: Layer count mismatch when loading weights from file. Model expected 4 layers, found 3.",
    "learn-not-finite": "ValueError: Input X contains NaN.",
    "learn-one-class": "ValueError: The number of classes has to be greater than one; got 1 class",
    "learn-samples": "ValueError: Found input variables with inconsistent numbers of samples: [10, 9]",
    "padding": "ValueError: Asking to pad but the tokenizer does not have a padding token.",
    "architecture-unknown": "ValueError: The checkpoint has model type `x` but Transformers does not recognize this architecture.",
    "no-loss-returned": "ValueError: The model did not return a loss from the inputs, only the following keys: logits.",
    "quantised-moved": "ValueError: `.to` is not supported for `4-bit` or `8-bit` bitsandbytes models.",
    "bitsandbytes": "RuntimeError: CUDA Setup failed despite GPU being available.",
    "package-required": "ImportError: T5Tokenizer requires the SentencePiece library but it was not found in your environment.",
    "version-conflict": "ImportError: tokenizers>=0.14 is required for a normal functioning of this module",
    "evaluation-settings": "ValueError: --load_best_model_at_end requires the save and eval strategy to match",
    "cuda-toolkit": "OSError: CUDA_HOME environment variable is not set.",
    "deepspeed-batches": "AssertionError: Check batch related parameters. train_batch_size is not equal to micro_batch_per_gpu",
    "zero-sharded": "RuntimeError: 'weight' must be 2-D",
    "lightning-configuration": "lightning.fabric.utilities.exceptions.MisconfigurationException: No supported gpu backend found!",
    "configuration-key": "omegaconf.errors.ConfigAttributeError: Key 'lr' is not in struct",
    "picture-damaged": "PIL.UnidentifiedImageError: cannot identify image file 'a.jpg'",
    "hdf5": "OSError: Unable to open file (file signature not found)",
    "archive-damaged": "zipfile.BadZipFile: File is not a zip file",
    "encoding": "UnicodeDecodeError: 'gbk' codec can't decode byte 0x80 in position 7",
    "download": "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='example.org', port=443): Read timed out.",
    "column-missing": "KeyError: \"['label'] not in index\"",
    "job-preempted": "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***",
    "pod-evicted": "The node was low on resource: memory.",
    "pod-unschedulable": "Warning  FailedScheduling  0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
    "slurm-launch": "srun: error: Task launch for StepId=7.0 failed on node n1: Job credential expired",
    "image-missing": "Back-off pulling image: ImagePullBackOff",
    "container-gpu": 'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
    "container-start": "exec /usr/bin/python3: exec format error",
    "task-failed": "srun: error: n1: task 0: Exited with exit code 1",
    "loss-shapes": "ValueError: Expected input batch_size (32) to match target batch_size (64).",
    "picture-small": "RuntimeError: Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3).",
    "embedding-range": "IndexError: index out of range in self",
    "scalar-needed": "RuntimeError: grad can be implicitly created only for scalar outputs",
    "leaf-in-place": "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
    "ddp-twice": "RuntimeError: Expected to mark a variable ready only once.",
    "ddp-models-differ": "RuntimeError: [1]: params[0] in this process appears not to match sizes of the same param in process 0.",
    "value-none": "TypeError: 'NoneType' object is not subscriptable",
    "group-not-initialised": "ValueError: Default process group has not been initialized, please make sure to call init_process_group.",
    "rendezvous": "torch.distributed.DistStoreError: Timed out after 901 seconds waiting for clients. 1/2 clients joined.",
    "gpu-shared-twice": "DistBackendError: Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1000",
    "app-not-loaded": "flwr.client.client_app.LoadClientAppError: Unable to load module 'app.client'",
    "clients-too-few": "ValueError: Sampling failed, since the number of available clients (1) is less than number of requested clients (2).",
    "record-type": "TypeError: Not all values are of valid type in MetricRecord",
    "not-writable": "RuntimeError: File out/checkpoint_0.pt cannot be opened.",
    "name-unresolved": "ValueError: host not found: Name or service not known",
    "argument-missing": "TypeError: __init__() missing 1 required positional argument: 'parameters'",
    "variable-unset": "UnboundLocalError: local variable 'std' referenced before assignment",
    "attribute-unknown": "AttributeError: 'Net' object has no attribute 'head'",
    "not-serializable": "TypeError: Object of type int64 is not JSON serializable",
    "operand-kinds": "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    "text-no-number": "ValueError: could not convert string to float: 'a'",
    "number-not-finite": "ValueError: cannot convert float NaN to integer",
    "dimensions-indexed": "IndexError: too many indices for tensor of dimension 1",
    "assertion": "AssertionError: 12 clients wanted",
    "not-implemented": "NotImplementedError",
    "source-syntax": "SyntaxError: invalid syntax",
    "iterator-empty": "StopIteration",
    "worker-gone": "concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated abruptly",
    "time-out": "TimeoutError: timed out",
    "extension-not-compiled": "RuntimeError: Error compiling objects for extension",
    "batch-of-text": "ValueError: too many dimensions 'str'",
    "loopback": "pair.cc:724] connect [127.0.1.1]:3210: Connection refused",
}  # fmt: skip

ROWS = {row.id: row for row in known_exceptions()}


def test_every_row_has_an_example_and_a_name_of_its_own():
    assert list(ROWS) == [row.id for row in known_exceptions()]
    assert set(ROWS) == set(EXAMPLES)


@pytest.mark.parametrize(("name", "text"), EXAMPLES.items())
def test_an_exception_is_recognized_as_its_own_row(name, text):
    found = recognize(text)

    assert found is not None
    assert found.id == name


def test_at_least_sixty_rows_name_the_thread_where_people_met_them():
    threads = [row.source for row in ROWS.values() if row.source]

    assert len(threads) >= 60
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", thread) for thread in threads)
    assert ROWS["grpc-message-size"].url == "https://github.com/flwrlabs/flower/issues/3006"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_says_why_and_what_to_do(row):
    assert row.cause
    assert row.remedy
    assert row.cause != row.remedy


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_no_remedy_raises_the_learning_rate(row):
    assert not re.search(r"(?:raise|increase|higher) (?:the )?learning.rate", row.remedy)


@pytest.mark.parametrize(
    "text", ["ValueError: the gripper is open", "the loss is finite", "RuntimeError: bad episode 7", "Killed"]
)
def test_what_the_field_does_not_know_is_not_recognized(text):
    assert recognize(text) is None


def test_a_message_on_several_lines_is_one():
    row = recognize("RuntimeError: Error(s) in loading state_dict for Net:\n\tsize mismatch for fc.weight: copying")

    assert row is not None
    assert row.id == "state-shape"


def test_what_has_no_memory_left_is_that_fault_wherever_it_fails():
    rows = [row for row in ROWS.values() if "memory" in row.id and row.id != "cuda-illegal-access"]

    assert {row.fault for row in rows} == {Fault.out_of_memory}


@pytest.mark.parametrize(
    "text", ["stopped due to unknown error:", "evicted 3 objects from the store", "Your preempted job"]
)
def test_a_word_that_other_programs_use_is_no_row_s(text):
    assert recognize(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("403 Client Error: Forbidden for url: https://huggingface.co/a/b/resolve/main/config.json", "hub-gated"),
        ("403 Client Error: Forbidden for url: https://huggingface.co/api/repos/create", "hub-forbidden"),
        ("Input type (c10::Half) and bias type (float) should be the same", "dtypes"),
        ("Input type (torch.FloatTensor) and weight type (torch.HalfTensor) should be the same", "dtypes"),
        ("Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same", "two-devices"),
    ],
)
def test_what_a_message_names_decides_between_rows(text, name):
    assert recognize(text).id == name
