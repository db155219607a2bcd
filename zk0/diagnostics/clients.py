"""Do the clients take part? (`clients.participation`)"""

from collections.abc import Iterator

from zk0.diagnostics.registry import diagnostic, point
from zk0.ledger import Ledger
from zk0.verdicts import Finding, failed, not_available, passed, warned


@diagnostic("clients.participation")
def participation(ledger: Ledger, *, minimum: float = 0.9) -> Iterator[Finding]:
    """At least `minimum` of the replies asked for were averaged; every other is named with its reason."""
    asked = sum(len(one.sampled) for one in ledger.aggregations)
    if not asked:
        yield not_available("no client was asked to train")
        return
    accepted = sum(len(one.accepted) for one in ledger.aggregations)
    share = accepted / asked
    evidence = [
        point("replies asked for", asked, "all rounds", "replies"),
        point("replies averaged", accepted, "all rounds", "replies"),
        *(
            point(f"{reply.client} was left out", reply.reason, f"round {one.round}")
            for one in ledger.aggregations
            for reply in one.rejected
        ),
    ]
    message = f"{accepted} of {asked} replies were averaged"
    left_out = sorted({reply.client for one in ledger.aggregations for reply in one.rejected})
    if accepted == asked:
        yield passed(message, evidence=evidence)
    elif share >= minimum:
        yield warned(f"{message}; left out: {', '.join(left_out)}", evidence=evidence, remedy="see each reason")
    else:
        yield failed(
            f"{message}; left out: {', '.join(left_out)}",
            evidence=evidence,
            cause="clients fail, answer too late, or send what can't be averaged: the evidence has each reason",
            remedy="mend the clients that are named",
        )
