"""The root of a chain of exceptions: the first that was raised, behind what only passes it on.

Python prints a chain from its first exception on; what carries an exception from another process is printed before it
(Ray, a data loader's worker, a spawned process). So the root is the first that is no wrapper. gRPC puts its reason
into fields behind the exception's name, which are its message here.
"""

import re
from collections.abc import Sequence

from zk0.ledger import Incident
from zk0.ledger.log_events import RaisedException

# What passes on an exception of another process, and says nothing of its own.
_WRAPPERS = re.compile(
    r"RayTaskError|RemoteTraceback|ClientAppException|ServerAppException|ClientException|ProcessRaisedException"
    r"|ChildFailedError|JaxStackTraceBeforeTransformation|SimplifiedTraceback"
)
_PASSED_ON = re.compile(r"Caught \w+ in |^(?:Client|ClientApp|ServerApp) raised an exception|Simulation [Cc]rashed")
# A message that ends in another exception, as text: `Exception ValueError occurred. Message: …`.
_QUOTED = re.compile(r"Exception (?P<type>\w+) occurred\. Message: (?P<message>.*)", re.DOTALL)
_HEADINGS = ("Exception", "Error")  # without a message: a logger's word for the traceback behind it
# Looked for and not found, and then looked for elsewhere: of a chain that goes on, not what went wrong.
_PROBES = re.compile(r"^(?:FileNotFoundError|KeyError|AttributeError|ImportError|ModuleNotFoundError|StopIteration)$")
_FIELD = re.compile(r"(?P<name>status|details)\s*=\s*(?P<value>StatusCode\.\w+|\".*?\"(?=\s|$))", re.DOTALL)


def root_of(incident: Incident) -> RaisedException:
    """Return the exception that an incident goes back to; its own line where the log has no chain."""
    chain = incident.exceptions
    if not chain:
        return _from_text(incident.text)
    told = [one for one in chain if one.message or one.type not in _HEADINGS] or list(chain)
    own = [one for one in told if not is_wrapper(one)] or told
    return _unpacked(_first_that_counts(own))


def _first_that_counts(chain: Sequence[RaisedException]) -> RaisedException:
    """Return the first exception; of one that was handled, as a look-up that failed may be, what came of it."""
    first = chain[0]
    is_probe = first.relation == "context" and _PROBES.match(first.type.rpartition(".")[2])
    return chain[-1] if is_probe and len(chain) > 1 else first


def is_wrapper(one: RaisedException) -> bool:
    """Return whether an exception only passes on another one, and does not quote it."""
    if _QUOTED.search(one.message):
        return False
    return bool(_WRAPPERS.search(one.type) or _PASSED_ON.search(one.message.strip()))


def _from_text(text: str) -> RaisedException:
    found = re.search(r"\b(?P<type>(?:\w+\.)*\w*(?:Error|Exception|Rendezvous)): (?P<message>.*)", text, re.DOTALL)
    return (
        RaisedException(type=found["type"], message=found["message"])
        if found
        else RaisedException(type="", message=text)
    )


def _unpacked(one: RaisedException) -> RaisedException:
    """Return gRPC's exception with status and details as its message, and a quoted one as itself."""
    if quoted := _QUOTED.search(one.message):
        return one.model_copy(update={"type": quoted["type"], "message": quoted["message"]})
    if "StatusCode." not in one.message:
        return one
    fields = {found["name"]: found["value"].strip('"') for found in reversed(list(_FIELD.finditer(one.message)))}
    message = ": ".join(filter(None, (fields.get("status"), fields.get("details"))))
    return one.model_copy(update={"message": message or one.message})


def shown(one: RaisedException) -> str:
    """Return an exception in one line."""
    message = " ".join(one.message.split())
    return ": ".join(filter(None, (one.type, message)))
