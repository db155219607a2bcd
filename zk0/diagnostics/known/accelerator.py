"""CUDA and its libraries: drivers, kernels, devices."""

from zk0.diagnostics.known import known

ROWS = (
    known(
        "extension-not-compiled",
        r"Error compiling objects for extension|Failed (?:building|to build) wheel for|ninja: build stopped",
        "an extension in C++ or CUDA was not compiled: the compiler's own first error is above these lines",
        "nvcc --version against torch.version.cuda, CUDA_HOME with its headers, and a compiler that this nvcc takes",
        "",
    ),
    known(
        "cuda-assert",
        r"device-side assert triggered|Assertion `.*index out of bounds",
        "a kernel met an index beyond its table: a label, token or embedding index that the model does not have",
        "run the batch on the CPU, where the error names the line; compare the largest label with the classes",
        "pytorch/pytorch#16795",
    ),
    known(
        "cuda-kernel-image",
        r"no kernel image is available|is not compatible with the current PyTorch installation|unsupported gpu architecture",
        "this build of PyTorch, or of an extension, has no code for this GPU: the GPU is newer or older",
        "install the build for your GPU from pytorch.org (cu128 or later for Blackwell), and rebuild extensions",
        "pytorch/pytorch#54053",
    ),
    known(
        "cuda-driver",
        r"driver on your system is too old|CUDA driver version is insufficient|forward compatibility was attempted|is not implemented for CUDA below version",
        "the NVIDIA driver is older than the CUDA that PyTorch, or JAX, was built for",
        "update the driver, or install the build of an older CUDA",
        "ai4d-iasc/trixie#9",
    ),
    known(
        "cuda-illegal-access",
        r"illegal memory access|misaligned address|unspecified launch failure|illegal instruction",
        "a kernel read memory that is not its own; the line shown is often not the one that did it",
        "run with CUDA_LAUNCH_BLOCKING=1 for the true line; update driver and PyTorch; another GPU tells broken hardware",
        "pytorch/pytorch#114463",
    ),
    known(
        "cuda-absent",
        r"Torch not compiled with CUDA enabled|No CUDA GPUs are available|Found no NVIDIA driver|No CUDA runtime is found|CUDA is not available|invalid device ordinal|no CUDA-capable device",
        "no GPU is to be seen: a CPU build of PyTorch, a container without GPUs, or CUDA_VISIBLE_DEVICES",
        "python -c 'import torch; print(torch.version.cuda, torch.cuda.device_count())', then nvidia-smi",
        "",
    ),
    known(
        "cudnn",
        r"CUDNN_STATUS|cuDNN error|Unable to find a valid cuDNN algorithm",
        "cuDNN failed: too little memory left for its workspace, or a version that does not fit",
        "halve batch_size first; then compare the cuDNN in LD_LIBRARY_PATH with PyTorch's own",
        "",
    ),
    known(
        "cublas",
        r"CUBLAS_STATUS",
        "cuBLAS failed: memory, or an index error of an earlier kernel that shows here",
        "halve batch_size; with CUDA_LAUNCH_BLOCKING=1 the first error shows",
        "IBM/aihwkit#479",
    ),
    known(
        "tpu-device",
        r"Exception in device=|Cancelled by TearDown",
        "a process of a TPU's job failed, and the others were cancelled; most often the host's memory ran out",
        "read the first error among the processes; run with one process (nprocs=1), and watch the host's memory",
        "pytorch/xla#2875",
    ),
    known(
        "cuda-hardware",
        r"uncorrectable ECC|fallen off the bus|\bXid\b|CUDA.{0,60}unknown error",
        "the GPU itself reports an error",
        "nvidia-smi -q and the machine's log (Xid); try another GPU",
        "",
    ),
)
