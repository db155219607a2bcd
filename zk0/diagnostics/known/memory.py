"""Memory that ran out: of an accelerator, of the machine, of a container, of shared memory."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

FULL = Fault.out_of_memory

ROWS = (
    known(
        "ray-memory-pressure",
        r"ray\.exceptions\.OutOfMemoryError|killed due to (?:the node running low on memory|memory pressure)",
        "Ray killed a worker because the machine's own memory was nearly full",
        "give each client more CPUs (client_resources), so that fewer run at once",
        "real-stanford/flingbot#11",
        FULL,
    ),
    known(
        "cuda-memory",
        r"(?:torch\.)?(?:cuda\.)?OutOfMemoryError|CUDA(?: error:)? out of memory|CUDA_ERROR_OUT_OF_MEMORY|HIP out of memory",
        "a batch, or several processes on one device, need more memory than it has",
        "halve batch_size, or run fewer clients at once; where memory grows step by step, find the leak",
        "flwrlabs/flower#5855",
        FULL,
    ),
    known(
        "mps-memory",
        r"MPS backend out of memory",
        "Apple's GPU shares the machine's memory, and the batch does not fit in what is left",
        "halve batch_size, or close what else uses memory; without the watermark the machine may stop",
        "",
        FULL,
    ),
    known(
        "jax-memory",
        r"RESOURCE_EXHAUSTED: (?:Out of memory|failed to allocate)|XlaRuntimeError: RESOURCE_EXHAUSTED",
        "XLA found no device memory for a buffer; JAX takes most of the device at its start, also from others",
        "halve batch_size, shard (fsdp_devices), or stop the other process on the device",
        "Physical-Intelligence/openpi#280",
        FULL,
    ),
    known(
        "tensorflow-memory",
        r"ResourceExhaustedError|OOM when allocating tensor|failed to allocate memory",
        "TensorFlow found no device memory for a tensor; each process takes the whole device unless told otherwise",
        "halve batch_size; with several processes set memory growth before the first tensor",
        "flwrlabs/flower#3159",
        FULL,
    ),
    known(
        "numpy-memory",
        r"_ArrayMemoryError|Unable to allocate [\d.]+ [KMGTP]iB for an array",
        "an array larger than the machine's free memory was asked for",
        "look at the shape in the message: load less at a time, or a smaller type",
        "",
        FULL,
    ),
    known(
        "loader-worker-killed",
        r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) is killed by signal: (?:Killed|Aborted)",
        "the kernel killed a worker of the data loader, as it does where the machine's memory runs out",
        "lower num_workers and prefetch_factor; journalctl -k shows whether it was the memory",
        "gemcollector/RL-ViGen#17",
        FULL,
    ),
    known(
        "shared-memory",
        r"signal: Bus error|insufficient shared memory|workers? are out of shared memory|unable to (?:mmap|write to file) .*/torch_|received 0 items of ancdata",
        "the workers of the data loader pass batches through /dev/shm, and it is full (64 MB in a container)",
        "docker run --shm-size=8g (or --ipc=host), or fewer workers",
        "pytorch/pytorch#108861",
        FULL,
    ),
    known(
        "allocation-refused",
        r"DefaultCPUAllocator: (?:can't|not enough memory)|Cannot allocate memory|std::bad_alloc|^MemoryError\b|: MemoryError\b",
        "the machine had no memory left for what was asked",
        "load less at a time, run fewer processes, or use a machine with more memory",
        "",
        FULL,
    ),
)
