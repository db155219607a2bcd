"""Why a program of a deployment fails: the sentences of Flower's logs, with what they mean and what helps."""

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """A known trouble: what it is, with what the pattern caught in it, and what helps."""

    message: str
    remedy: str


# From the specific to the general: the first that matches is the reason.
KNOWN: tuple[tuple[re.Pattern[str], Reason], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), Reason(message, remedy))
    for pattern, message, remedy in (
        (r"address already in use|errno 98", "its port is taken by another program", "give another --port"),
        (r"cannot assign requested address|errno 99", "this machine has no such address", "give another --host"),
        (r"no space left on device|disk is full|errno 28", "the disk is full", "zk0 runs prune"),
        (r"the name (\S+) is unknown", "the name {0} is unknown", "check the address in the kit, and DNS"),
        (
            r"name or service not known|name resolution|nodename nor servname",
            "the server's name is unknown",
            "check the address in the kit, and DNS",
        ),
        (r"not yet valid", "its clock is behind the server's certificate", "set the clock (NTP)"),
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
        (r"clock is (\d+ s (?:ahead of|behind)) the", "its clock is {0} the server's", "set the clock (NTP)"),
        (r"413 (request entity|content) too large|takes no message: it is larger",
         "a proxy in between refuses messages of this size", "raise its limit to 8 MB: client_max_body_size 8m"),
        (r"\[code: 606\]|runtime version|incompatible flower version", "its Flower does not fit the server's",
         "install the server's version of flwr"),
        (r"no module named '([\w.]+)'", "the Python package {0} is missing", "pip install zk0 in this environment"),
        (r"database schema does not match", "the database is of another version of Flower", "zk0 deploy down --forget"),
        (r"unrecognized arguments: (.+)", "Flower no longer knows {0}", "zk0 deploy upgrade --check"),
        (r"connection refused|all connection attempts failed|timed out|unreachable", "the server can't be reached",
         "start the server, and open its port"),
    )
)  # fmt: skip


def reason_in(text: str) -> Reason | None:
    """Return the known trouble that a log tells of; None where it tells of none."""
    for pattern, reason in KNOWN:
        if found := pattern.search(text):
            return Reason(reason.message.format(*found.groups()), reason.remedy)
    return None
