"""Why a program of a deployment fails: the sentences of Flower's logs, with what they mean and what helps."""

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """A known trouble: what it is, and what helps."""

    message: str
    remedy: str


# From the specific to the general: the first that matches is the reason.
KNOWN: tuple[tuple[re.Pattern[str], Reason], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), Reason(message, remedy))
    for pattern, message, remedy in (
        (r"address already in use|errno 98", "its port is taken by another program", "give another --port"),
        (r"cannot assign requested address|errno 99", "this machine has no such address", "give another --host"),
        (r"no space left on device|disk is full|errno 28", "the disk is full", "zk0 runs prune"),
        (
            r"name or service not known|name resolution|nodename nor servname",
            "the server's name is unknown",
            "check the address in the kit, and DNS",
        ),
        (r"certificate has expired", "the server's certificate has expired", "zk0 deploy rotate"),
        (
            r"hostname mismatch|ip address mismatch|not valid for",
            "the server's certificate names another host",
            "zk0 deploy rotate --name NAME",
        ),
        (r"certificate.verify.failed|unable to get local issuer", "the server's certificate is of another authority",
         "ask for a new kit: zk0 deploy kit NAME"),
        (
            r"code: 2004",  # Flower's one code for both
            "its key is not registered, or is in use by another program",
            "zk0 deploy approve NAME.request.json, or end the other program; one that was killed counts for a minute",
        ),
        (r"timestamp", "its clock differs from the server's by more than 5 s", "set the clock (NTP)"),
        (r"\[code: 606\]|runtime version|incompatible flower version", "its Flower does not fit the server's",
         "install the server's version of flwr"),
        (r"no module named '([\w.]+)'", "a Python package is missing", "pip install zk0 in this environment"),
        (r"database schema does not match", "the database is of another version of Flower", "zk0 deploy down --forget"),
        (r"unrecognized arguments: (.+)", "Flower no longer knows an option", "zk0 deploy upgrade --check"),
        (r"connection refused|all connection attempts failed|timed out|unreachable", "the server can't be reached",
         "start the server, and open its port"),
    )
)  # fmt: skip


def reason_in(text: str) -> Reason | None:
    """Return the known trouble that a log tells of; None where it tells of none."""
    return next((reason for pattern, reason in KNOWN if pattern.search(text)), None)
