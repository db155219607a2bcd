"""Kinds of logs that public threads quote, in texts of our own: what is said first, and whether anything is wrong."""

import pytest

from zk0.core.faults import Fault
from zk0.diagnostics.outcome import RunOutcome

LAUNCHER = """E0101 api.py:826] failed (exitcode: {code}) local_rank: 1 (pid: 71) of binary: /env/bin/python
Traceback (most recent call last):
  File "/env/lib/python3.12/site-packages/torch/distributed/launcher/api.py", line 269, in launch_agent
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
"""
FAULTY = {
    "a simulation that blew up": (
        "  Step 3: max|qvel|=19511.436\nWARNING: Nan, Inf or huge value in QACC at DOF 4. The simulation\n",
        Fault.exception,
    ),
    "a compiled program without device memory": (
        "F0101 10:00:00.1 7 syncedmem.cpp:56] Check failed: error == cudaSuccess (2 vs. 0)  out of memory\n",
        Fault.out_of_memory,
    ),
    "a killed process whose shell reports an error": (
        "bash: line 1: 327789 Killed                  python train.py --config a.yaml\nError: (none)\nExit Code: 137\n",
        Fault.killed,
    ),
    "a preempted job": (
        "slurmstepd: error: *** JOB 11 ON n1 CANCELLED AT 2026-03-25T10:34:07 DUE TO PREEMPTION ***\n",
        Fault.killed,
    ),
    "a whole traceback that is indented, with blanks behind it": (
        (
            '            File "/app/train.py", line 4, in run\n                step()\n'
            '            File "/app/train.py", line 9, in step\n                raise RuntimeError(text)\n'
            "            RuntimeError: DataLoader worker (pid(s) 1285) exited unexpectedly    \n"
        ),
        Fault.exception,
    ),
    "a loss that grew before it was no number, in layers too": (
        (
            "1012: 112495.5, 11258.3 avg, 0.001000 rate, 1.94 seconds, 6072 images\n"
            "1013: 6639084410.25, 663908412.5 avg, 0.001000 rate, 1.95 seconds, 6078 images\n"
            "Region 82 Avg IOU: nan, Class: nan, Obj: nan, No Obj: nan, .5R: 0.0, .75R: 0.0,  count: 1\n"
            "1014: -nan, -nan avg, 0.001000 rate, 1.896905 seconds, 6084 images\n"
        ),
        Fault.loss_not_finite,
    ),
    "a client that reaches no server": (
        (
            "DEBUG flower 2020-12-17 14:45:45,394 | connection.py:36 | ChannelConnectivity.IDLE\n"
            "DEBUG flower 2020-12-17 14:45:45,394 | connection.py:36 | ChannelConnectivity.TRANSIENT_FAILURE\n"
            "INFO flower 2020-12-17 14:45:45,597 | connection.py:68 | Insecure gRPC channel closed\n"
        ),
        Fault.exception,
    ),
    "what compiled code threw before it aborted": (
        (
            "terminate called after throwing an instance of 'gloo::IoException'\n"
            "  what():  [gloo/transport/tcp/pair.cc:724] connect [127.0.1.1]:3210: Connection refused\n"
            "Aborted (core dumped)\n"
        ),
        Fault.exception,
    ),
    "a cancelled job": (
        (
            "srun: debug:  task 2 done\nslurmstepd: error: *** STEP 6053.0 ON n7 CANCELLED AT 2024-04-23T12:18:08 ***\n"
            "srun: error: n7: task 0: Terminated\n"
        ),
        Fault.killed,
    ),
    "a loss scale that falls and falls": (
        "| epoch 027 | valid on 'valid' subset | valid_loss 8.3 | num_updates 10198 | best 4.4\n"
        + "".join(f"| WARNING: overflow detected, setting loss scale to: {2.0**-n}\n" for n in range(2, 14)),
        Fault.loss_not_finite,
    ),
    "an exception that a framework logs as its repr": (
        (
            "[2026-01-02 10:00:00,158][hydra.utils][ERROR] - Error loading 'a.workspace.B':\n"
            "ImportError(\"cannot import name 'cached_download' from 'huggingface_hub' (/env/hub/__init__.py)\")\n"
            "Traceback (most recent call last):\n"
        ),
        Fault.exception,
    ),
    "a launcher's worker was killed": (LAUNCHER.format(code=-9), Fault.killed),
    "a launcher's worker crashed": (LAUNCHER.format(code=-11), Fault.crashed),
    "an exit code that stands for a signal": (
        (
            "2026-01-01 10:00:00,100 - ClientRunner - INFO - stopping\n"
            "2026-01-01 10:00:00,500 - ProcessExecutor - INFO - process finished with execution code: -9\n"
        ),
        Fault.killed,
    ),
    "a scheduler's kill before what was buffered": (
        (
            "Epoch 1 | Steps: 4 | Loss: 2.5\nEpoch 1 | Steps: 8 | Loss: 2.4\n"
            "slurmstepd: error: Job 11 exceeded memory limit (9 > 8), being killed\n"
            "Epoch 1 | Steps: 12 | Loss: 2.3\n"
        ),
        Fault.out_of_memory,
    ),
    "a part of the loss is infinite": (
        "   Learning iteration 7/90\n\n     Value function loss: inf\n     Surrogate loss: 0.02\n",
        Fault.loss_not_finite,
    ),
    "a divergence in a table is no number": (
        "| EpLenMean | 20  |\n| KL        | nan |\n",
        Fault.loss_not_finite,
    ),
    "a loss behind a dash": (
        "".join(f"Training loss at epoch {epoch} - nan\n" for epoch in (1, 2, 3)),
        Fault.loss_not_finite,
    ),
    "a reply with a return code": (
        (
            "2026-01-01 10:00:00,100 - ServerRunner - INFO - [identity=server, run=7, peer=site-1, "
            "peer_rc=EXECUTION_EXCEPTION]: ignored result submission\n"
        ),
        Fault.client_dropouts,
    ),
    "the loss of guessing, from the first value on": (
        "".join(f"Epoch [{n}/12], Loss: {2.3051 - n / 2500:.4f}\n" for n in range(1, 13)),
        Fault.at_chance,
    ),
    "a loss that repeats itself to the last digit": (
        "".join(f"step {n} loss: {value}\n" for n, value in enumerate([0.9, 7.25, 1.4, 6.1, *12 * [3.2174]])),
        Fault.loss_still,
    ),
    "a loss that grows a thousandfold within a few values": (
        "".join(
            f"step {n}, loss {value}\n" for n, value in enumerate([0.21, 0.19, 0.2, 0.2, 25000.5, 75000.1, 31000.4])
        ),
        Fault.loss_jumped,
    ),
    "an accuracy in percent that falls to nothing": (
        "".join(
            f"Epoch: [4][{n}0/600] Acc@1  {value}\n" for n, value in enumerate([55.1, 56.2, 57.3, 0.9, 0.1, 0.2, 0.1])
        ),
        Fault.at_chance,
    ),
    "a loss stuck behind a spike": (
        "".join(f"step {n}: loss = {value:.4f}\n" for n, value in enumerate([13.1, 11.2, 42.5, *8 * [0.536]])),
        Fault.loss_still,
    ),
    "a damaged file, in one line": ("pyarrow.lib.ArrowInvalid: Parquet magic bytes not found\n", Fault.data_corrupt),
    "gradients beyond all measure from the start": (
        "".join(f"Step {n}00: grad_norm={8e5 + n * 999:.1f}, loss={3e8 - n * 1e5:.1f}\n" for n in range(1, 9)),
        Fault.gradient_exploding,
    ),
    "a loss of 0 that hides NaN": (
        "".join(f"{{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.{n}}}\n" for n in range(1, 7)),
        Fault.loss_not_finite,
    ),
    "a launcher's error that says which signal it was": (
        "[2026-01-01 10:00:00,100] [ERROR] [launch.py:3:main] ['python', 'a.py'] exits with return code = -9\n",
        Fault.killed,
    ),
    "a launcher's report of its workers and nothing else": (
        "Root Cause (first observed failure):\n[0]:\n  rank      : 0 (local_rank: 0)\n  exitcode  : 1 (pid: 42)\n",
        Fault.exception,
    ),
    "a watchdog that aborts its process": (
        (
            "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)\n"
            "terminate called after throwing an instance of 'std::runtime_error'\nAborted (core dumped)\n"
        ),
        Fault.collective_timeout,
    ),
    "a launcher's report behind a step that timed out": (
        (
            "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)\n"
            'Traceback (most recent call last):\n  File "/env/bin/torchrun", line 8, in <module>\n    main()\n'
            "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        ),
        Fault.collective_timeout,
    ),
    "a crash for which another process then waits": (
        (
            "Segmentation fault (core dumped)\n"
            "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)\n"
        ),
        Fault.crashed,
    ),
    "where the gradient became NaN, and the forward pass's frames": (
        (
            "failed: Function 'MulBackward0' returned nan values in its 0th output.\n"
            '  File "/env/lib/site-packages/a.py", line 7, in app\n    run()\n'
        ),
        Fault.loss_not_finite,
    ),
    "names in brackets, and a path": (
        "".join(f"iter[ {n}/ 9] | [Loss] nan | [exp] ./out/0101/a/b_c_D | [url] none | [best] 0\n" for n in (1, 2, 3)),
        Fault.loss_not_finite,
    ),
    "sentences that repeat with other numbers": (
        "".join(
            f"[Epoch 2 {n}/90][Iteration {n}][Clock 7.{n}s] Trained 16 in 4.{n} seconds. Speed is 3.{n} records/s. "
            f"Loss is NaN. Current weight decay is 0.{n}.\n"
            for n in range(5)
        ),
        Fault.loss_not_finite,
    ),
    "three evaluations whose accuracy and loss are those of guessing": (
        "".join(f"round {n}: val_loss: 2.30{n}, val_acc: 0.10{n}\n" for n in (1, 2, 4)),
        Fault.at_chance,
    ),
    "an evaluation that loses all at once": (
        "Epoch 1 val_loss: 3.3, val_acc: 0.24\nEpoch 2 val_loss: 87.3, val_acc: 0.01\n",
        Fault.loss_jumped,
    ),
    "a detector's layers that are no number though they have objects": (
        "".join(
            f"Region {n} Avg IOU: nan, Class: nan, Obj: nan, No Obj: nan, .5R: 0.0, .75R: 0.0,  count: {n}\n"
            for n in (1, 2, 3)
        ),
        Fault.loss_not_finite,
    ),
    "a loss of 0 from the first value on": (
        "".join(f"[01/02 10:00:0{n} events]: eta: 0:08:27  iter: {n}9  total_loss: 0  lr: 0.1\n" for n in range(6)),
        Fault.loss_still,
    ),
    "a traceback behind a pod's name, cut off": (
        (
            "100%|██████| 10/10 [00:58<00:00,  5.3s/it]Traceback (most recent call last):\n"
            'pod-0 logs:   File "/home/me/run.py", line 17, in <module>\n'
            "pod-0 logs: Traceback (most recent call last):\n"
            'pod-0 logs:   File "/home/me/run.py", line 17, in <module>\n'
        ),
        Fault.exception,
    ),
    "frames of several processes on one line": (
        '^^^^  File "/home/me/train.py", line 66, in run\n^^  ^^^\n    ^^  File "/home/me/train.py", line 66, in run\n',
        Fault.exception,
    ),
    "a port that is taken, as PyTorch's C++ side says": (
        "[E socket.cpp:462] [c10d] The server socket has failed to listen on any local network address.\n",
        Fault.exception,
    ),
    "a server's port that is taken, as Flower says": (
        (
            "INFO :      Starting Flower server, config: num_rounds=5, no round_timeout\n"
            "Port in server address 127.0.0.1:8080 is already in use.\n"
        ),
        Fault.exception,
    ),
    "processes that wait for one that does not come": (
        "W stall.cc:1] One or more tensors were submitted by some and are waiting for remainder of ranks for 60 s\n",
        Fault.collective_timeout,
    ),
    "a traceback behind a word that is no exception": (
        (
            "2026-01-01 10:00:00,100 - core - ERROR - Exception:\nTraceback (most recent call last):\n"
            '  File "/home/me/train.py", line 7, in fit\n    check()\nValueError: Loss is not finite, giving up\n'
        ),
        Fault.loss_not_finite,
    ),
    "a level in the middle of a line": ("containers ERROR    ExecuteUserScriptError:\n", Fault.exception),
    "a data loader without shared memory, behind a bar": (
        (
            "Epoch 0:  83%|████████ERROR: Unexpected bus error encountered in worker. "
            "This might be caused by insufficient shared memory (shm).\n"
        ),
        Fault.out_of_memory,
    ),
    "a scheduler that finds no configuration": (
        "sbatch: error: fetch_config: lookup failed\nsbatch: fatal: Could not establish a configuration source\n",
        Fault.exception,
    ),
    "a library that finds no memory on the device": (
        "2026-01-01 10:00:00.1: E xla/client.cc:26] Execution of replica 0 failed: CUDNN_STATUS_ALLOC_FAILED\n",
        Fault.out_of_memory,
    ),
    "a kill behind a bar without a line's end": (
        "Epoch 2/50\n 40/600 [=>.......] - ETA: 40s - loss: 0.8811 - acc: 0.7236Killed\n",
        Fault.killed,
    ),
    "a container without a GPU": (
        'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].\n',
        Fault.exception,
    ),
}


@pytest.mark.parametrize(("text", "fault"), FAULTY.values(), ids=FAULTY)
def test_the_fault_is_said_first(diagnose_text, text, fault):
    said = diagnose_text(text)

    assert said.root is not None
    assert said.root.fault == fault


HEALTHY = {
    "Flower's pretty-printed history": "".join(
        f"INFO :      [ROUND {n}]\nINFO :      configure_fit: strategy sampled 5 clients (out of 5)\n"
        "INFO :      aggregate_fit: received 5 results and 0 failures\n"
        for n in (1, 2, 3)
    )
    + "INFO :      [SUMMARY]\nINFO :      Run finished 3 rounds in 22.28s\nINFO :      History (loss, distributed):\n"
    "INFO :          ('\\tround 1: 7.458\\n'\nINFO :           '\\tround 2: 1.949\\n'\n"
    "INFO :           '\\tround 3: 1.02\\n')\n",
    "gradient boosting that stops early": "".join(
        f"[{50 * n}]\tvalid_0's rmse: {2 + 1 / n:.4f}\n" for n in range(1, 12)
    )
    + "Early stopping, best iteration is:\n[560]\tvalid_0's rmse: 2.09\n",
    "five losses that fall every time": "".join(
        f"Epoch {n}/5 loss={2 / n:.3f}\n" for n in range(1, 6)
    ) + "Training complete in 9s\n",
    "an accuracy that rises": f"INFO :      [ROUND {1}]\n"
    + "".join(f"round {n}: val_loss: 1.{n}, val_acc: 0.{n}2\n" for n in range(3, 7))
    + "Training complete in 9s\n",
    "a training that stops because it gains nothing more": "".join(
        f"Iteration {n}, loss = {2 / n:.6f}\n" for n in range(1, 9)
    ) + "Training loss did not improve more than tol=0.000100 for two consecutive epochs. Stopping.\n",
    "Flower's metrics in its summary": """INFO :      [SUMMARY]
INFO :      Run finished 3 round(s) in 8.25s
INFO :          History (metrics, distributed, fit):
INFO :          {'train_loss': [(1, 30.5),
INFO :                          (2, 25.8),
INFO :                          (3, 23.9)],
INFO :           'val_loss': [(1, 19.1), (2, 16.4), (3, 15.2)]}
""",
    "a detector's last epochs": "".join(
        f"""      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
      {n}/9     0.7G     0.54     0.33     0.82          3        640: 100% ━━━━━━━━━━━━ 11/11 10.2it/s 1.8s
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100% ━━━━━━━━━━━━ 4/4 9it/s 1s
                   all         10         11      0.988      0.947      0.966      0.8{n}
"""
        for n in (7, 8, 9)
    ) + "9 epochs completed in 0.344 hours.\n",
}  # fmt: skip


@pytest.mark.parametrize("text", HEALTHY.values(), ids=HEALTHY)
def test_what_is_shown_to_learn_and_to_end_is_healthy(diagnose_text, text):
    assert diagnose_text(text).whole.outcome is RunOutcome.healthy


UNDECIDED = {
    "a loss scaler that looks for its scale": "".join(
        f"[INFO] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: {2**n}, reducing to {2 ** (n - 1)}\n"
        for n in (16, 15, 14)
    ),
    "one accuracy, as high as a majority's": "Epoch 3/3 val_acc: 0.95\nTraining complete in 9s\n",
    "a constant accuracy": "".join(f"Epoch {n}/4 val_acc: 0.95\n" for n in range(1, 5)) + "Training complete in 9s\n",
    "three losses of single batches": "step 1 loss: 2.1\nstep 2 loss: 1.9\nstep 3 loss: 1.4\nTraining complete\n",
    "the accuracy of a few batches": "".join(f"Epoch 1 step {n} loss: 2.3{n} acc: 0.2{n}\n" for n in range(1, 5)),
    "layers without an object in the batch": "".join(
        f"Region 82 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.01, .5R: -nan,  count: 0\n{n}: 0.57, 0.68 avg, "
        "0.002 rate, 3.9 seconds, 64 images\n"
        for n in (7, 8)
    ),
    "the accuracy of a regression": "".join(
        f"Epoch {n}/4 loss: 0.01{n} acc: 0.0051 val_loss: 0.01{n}\n" for n in (1, 2, 1, 2)
    ),
    "a converged loss printed with few digits": "".join(f"step {n} loss: 0.001\n" for n in range(30)),
}


@pytest.mark.parametrize("text", UNDECIDED.values(), ids=UNDECIDED)
def test_what_shows_too_little_is_neither_healthy_nor_failed(diagnose_text, text):
    assert diagnose_text(text).whole.outcome in (RunOutcome.unknown, RunOutcome.doubtful)


def test_a_client_that_reached_its_server_later_is_not_blamed(diagnose_text):
    said = diagnose_text(
        "DEBUG flower 2020-12-17 14:45:45,394 | connection.py:36 | ChannelConnectivity.TRANSIENT_FAILURE\n"
        "DEBUG flower 2020-12-17 14:45:48,394 | connection.py:36 | ChannelConnectivity.READY\n"
        "INFO flower 2020-12-17 14:45:58,597 | app.py:68 | Received message\n"
    )

    assert said.whole.outcome is RunOutcome.unknown


def test_clients_that_all_give_one_reason_fail_for_that_reason(diagnose_text):
    said = diagnose_text(
        "INFO :      [ROUND 1/3]\nINFO :      configure_train: Sampled 2 nodes (out of 2)\n"
        "INFO :      aggregate_train: Received 0 results and 2 failures\n"
        + "".join(
            f"INFO :          > Received error in reply from node {n}: <class 'TypeError'>:<'the weights are text'>\n"
            for n in (11, 12)
        )
    )

    assert (said.root.fault, "the weights are text" in said.root.cause) == (Fault.client_dropouts, True)


def test_steps_may_be_counted_from_zero(diagnose_text):
    said = diagnose_text("".join(f"  Learning iteration {n}/1500\n\n  Value loss: 0.{n}\n" for n in (1498, 1499)))

    assert "progress.ended" in [one.check for one in said.findings if one.verdict.value == "pass"]


DOUBTFUL = {
    "evaluations that rise from the first on": (
        "".join(f"[{n}]\tvalidation_0-logloss:{0.444 + 0.001 * n:.5f}\n" for n in range(20, 66)),
        Fault.overfitting,
    ),
    "evaluations that stay at the loss of guessing": (
        "".join(f"[{n}]\tvalidation_0-logloss:{0.6928 + 0.00001 * (n % 3):.6f}\n" for n in range(20, 66)),
        Fault.at_chance,
    ),
    "a log that ends in waiting": ("User Name: admin\n" + "Trying to login, please wait ...\n" * 5, Fault.waiting),
}


@pytest.mark.parametrize(("text", "fault"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_likely_wrong_is_a_warning(diagnose_text, text, fault):
    said = diagnose_text(text)

    assert (said.root.fault, said.whole.outcome) == (fault, RunOutcome.doubtful)


def test_an_ordered_dict_is_read(diagnose_text):
    said = diagnose_text(
        "".join(
            f"round {n:2}, metrics=OrderedDict([('sparse_categorical_accuracy', 0.{n}1), ('loss', {9 - n}.4)])\n"
            for n in range(1, 8)
        )
    )

    assert "loss.trend" in [one.check for one in said.findings if one.verdict.value == "pass"]


def test_a_bar_that_begins_repeats_the_numbers_of_the_one_before_and_no_work(diagnose_text):
    said = diagnose_text(
        "Epoch 30: 100%|##########| 28/28 [00:01<00:00, 28.0it/s, val_loss=1.730, train_loss=1.430]\n"
        "Traceback (most recent call last):\n"
        '  File "train.py", line 3, in <module>\n    fit()\n'
        "RuntimeError: DataLoader worker (pid 43430) is killed by signal: Terminated. \n"
        "Epoch 31:   0%|          | 0/28 [00:00<?, ?it/s, val_loss=1.730, train_loss=1.430]\n"
    )

    assert (said.root.fault, said.root.verdict) == (Fault.exception, "fail")


def test_a_shell_that_goes_on_did_not_end_for_want_of_a_program(diagnose_text):
    said = diagnose_text(
        "job.sh: line 9: SBATCH: command not found\nTraceback (most recent call last):\n"
        '  File "train.py", line 3, in <module>\n    fit()\nRuntimeError: CUDA out of memory. Tried to allocate 2 GiB\n'
    )

    assert said.root.fault == Fault.out_of_memory


def test_a_bar_that_is_drawn_again_after_an_exception_is_no_work(diagnose_text):
    bar = "Training progress:  20%|#9        | 9900/50000 [30:16<2:02:36,  5.45it/s, Loss=0.15299]\n"

    said = diagnose_text(
        bar.replace("9900/", "9800/") + bar + "Traceback (most recent call last):\n"
        '  File "train.py", line 3, in <module>\n    fit()\n'
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.46 GiB\n"
        + bar.replace("0.15299", "0.15301")
    )

    assert said.root.fault == Fault.out_of_memory


def test_keras_goes_back_over_its_bars(diagnose_text):
    drawn = "\b".join(f" {n}/75 ━━━━━━━━ 0s 2ms/step - accuracy: 0.{n} - loss: {2 - n / 50}" for n in range(11, 75, 9))

    said = diagnose_text(drawn.replace("\b", "\b" * 40) + "\n")

    assert "loss.finite" in [one.check for one in said.findings if one.verdict == "pass"]


def test_a_connection_that_ends_with_the_run_is_a_farewell(diagnose_text):
    rounds = "".join(
        f"INFO :      [ROUND {n}/3]\nINFO :      configure_train: Sampled 2 nodes (out of 2)\n"
        "INFO :      aggregate_train: Received 2 results and 0 failures\n"
        for n in (1, 2, 3)
    )
    closed = (
        "Traceback (most recent call last):\n"
        '  File "/venv/lib/python3.12/site-packages/flwr/server/grpc_bridge.py", line 90, in _raise_if_closed\n'
        "    raise GrpcBridgeClosed()\nflwr.server.superlink.fleet.grpc_bidi.grpc_bridge.GrpcBridgeClosed\n"
    )

    assert diagnose_text(rounds + "INFO :      Run finished 3 round(s) in 29.60s\n" + closed).problems == ()
    assert diagnose_text(rounds + closed).root.fault == Fault.client_dropouts


@pytest.mark.parametrize("line", ["Loss value is: 0.{}", "[main] INFO Listener - Score at iteration {} is 0.8"])
def test_these_ways_to_write_a_loss_are_read(diagnose_text, line):
    said = diagnose_text("".join(line.format(31 + n) + "\n" for n in range(8)))

    assert "loss.finite" in [one.check for one in said.findings if one.verdict == "pass"]
