import pytest

from zk0.federation.deployment.reasons import reason_in


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("ERROR: [Errno 98] error while attempting to bind on address: address already in use", "its port is taken"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("[Errno -2] Name or service not known", "the server's name is unknown"),
        ("certificate verify failed: certificate has expired", "the server's certificate has expired"),
        ("certificate verify failed: Hostname mismatch, not valid for 'x'", "names another host"),
        ("certificate verify failed: unable to get local issuer certificate", "is of another authority"),
        (
            "Exit Code: 305\nFailed to initialize.\n[code: 2004] Failed to activate SuperNode.",
            "its key is not registered, or is in use",
        ),
        ("ModuleNotFoundError: No module named 'lerobot'", "the Python package lerobot is missing"),
        ("flower-superlink: error: unrecognized arguments: --old", "Flower no longer knows --old"),
        ("this machine's clock is 61 s ahead of the server's", "its clock is 61 s ahead of the server's"),
        ("certificate verify failed: certificate is not yet valid", "its clock is behind the server's certificate"),
        ("Client error '413 Request Entity Too Large' for url", "a proxy in between refuses messages of this size"),
        ("[Errno 111] Connection refused", "the server can't be reached"),
    ],
)
def test_a_known_trouble_is_told_from_the_others(log, message):
    reason = reason_in(f"INFO: started\n{log}\nINFO: stopped\n")

    assert message in reason.message
    assert reason.remedy


def test_an_unknown_trouble_is_not_guessed():
    assert reason_in("INFO: all is well") is None
