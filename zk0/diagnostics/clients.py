"""Do the clients take part? (`clients.participation`, `clients.starved`)

The ledger has a sentence on why a reply was not averaged. Some sentences name a fault of their own, of which the
missing reply is only the symptom.
"""

import re
from collections import Counter

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.known import recognize
from zk0.diagnostics.ranks import binomial_cdf
from zk0.diagnostics.series import point
from zk0.ledger import Ledger

# What the sentences of zk0's own server and clients, of PyTorch and of Flower say; the first that fits counts.
REASONS: tuple[tuple[re.Pattern[str], Fault], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"out of memory|cannot allocate memory", Fault.out_of_memory),
        (r"it trained from|the policy starts from", Fault.parameters_not_applied),
        (r"states digest|hash mismatch", Fault.digest_mismatch),
        (r"\btensor \S+ (is missing|is unknown|is \()|parameters are not the policy's", Fault.exchange_incomplete),
        (r"(loss or gradient|values) that (is|are) not finite|\bnan\b", Fault.loss_not_finite),
        (r"can't be decoded|corrupt|invalid data found", Fault.data_corrupt),
        (r"weight \S+ is not a positive number", Fault.aggregate_weights),
    )
)

ALIKE = 80  # characters in which two clients' reasons are the same one
UNNAMED = re.compile(r"failure \d+$")  # of a log that only counts them
MANY_LEFT_OUT = "clients fail, answer too late, or send what can't be averaged: the evidence has each reason"
SELDOM = 0.001  # chance of so few rounds, were the client as likely as the others to be asked
ENOUGH_ROUNDS = 5


def fault_of(reason: str) -> Fault:
    """Return what a sentence blames; a client that is merely missing where it blames nothing known."""
    return next((fault for pattern, fault in REASONS if pattern.search(reason)), Fault.client_dropouts)


@check("clients.participation")
def participation(ledger: Ledger, *, minimum: float = 0.9) -> Finding:
    """At least `minimum` of the replies asked for were averaged; every other is named with its reason."""
    asked = sum(len(one.sampled) for one in ledger.aggregations)
    if not asked:
        return not_available("no client was asked to train")
    accepted = sum(len(one.accepted) for one in ledger.aggregations)
    rejected = [(f"round {one.round}", reply) for one in ledger.aggregations for reply in one.rejected]
    evidence = [
        point("replies asked for", asked, "replies", at="all rounds"),
        point("replies averaged", accepted, "replies", at="all rounds"),
        *(point(f"{reply.client} was left out", reply.reason, at=at) for at, reply in rejected),
    ]
    message = f"{accepted} of {asked} replies were averaged"
    if accepted == asked:
        return passed(message, evidence=evidence)
    blamed = Counter(fault_of(reply.reason) for _, reply in rejected)
    few = accepted / asked < minimum
    named = sorted({reply.client for _, reply in rejected if not UNNAMED.match(reply.client)})
    unnamed = sum(bool(UNNAMED.match(reply.client)) for _, reply in rejected)
    reasons = list({one.reason[:ALIKE]: one.reason for _, one in rejected if not UNNAMED.match(one.client)}.values())
    known = recognize(reasons[0]) if len(reasons) == 1 else None
    cause = known.cause if known else f"each of them says: {reasons[0]}" if len(reasons) == 1 else MANY_LEFT_OUT
    left_out = [*named, *([f"{unnamed} that the log does not name"] if unnamed else [])]
    return (failed if few else warned)(
        f"{message}; left out: {', '.join(left_out)}",
        evidence=evidence,
        cause=cause if few else None,
        remedy=known.remedy if known else "mend the clients that are named" if few else "see each reason",
        fault=blamed.most_common(1)[0][0] if blamed else Fault.client_dropouts,
        confidence=0.95 if few else 0.9,
    )


@check("clients.starved")
def starved(ledger: Ledger) -> Finding:
    """No client is asked so seldom that chance can't be the reason."""
    rounds = [one.sampled for one in ledger.aggregations if one.sampled]
    known = {data.client for data in ledger.opened.clients} if ledger.opened else set()
    names = sorted(known.union(*rounds)) if rounds else []
    if len(rounds) < ENOUGH_ROUNDS or len(names) < 2:  # noqa: PLR2004  one client is all there is
        return not_available(f"needs {ENOUGH_ROUNDS} rounds and two clients, has {len(rounds)} and {len(names)}")
    share = sum(len(sampled) for sampled in rounds) / len(rounds) / len(names)
    counts = {name: sum(name in sampled for sampled in rounds) for name in names}
    named = [(f"rounds {name} was asked in", count) for name, count in counts.items()]
    evidence = [point(name, count, "rounds", at="all rounds") for name, count in named]
    never_by_chance = (1 - share) ** len(rounds) > SELDOM
    # Divided by the number of clients: with many of them, one is bound to be asked seldom.
    seldom = [
        name
        for name, count in counts.items()
        if binomial_cdf(count, len(rounds), share) < SELDOM / len(names) or (count == 0 and not never_by_chance)
    ]
    if not seldom:
        fewest = min(counts.values())
        return passed(f"each client was asked in {fewest} of {len(rounds)} rounds or more", evidence=evidence)
    return failed(
        f"{', '.join(seldom)}: asked in {', '.join(str(counts[name]) for name in seldom)} of {len(rounds)} rounds",
        evidence=evidence,
        cause="the sampling prefers some clients: an order that never changes, or a seed that is set each round",
        remedy="draw the clients of each round again, from all that are available",
        fault=Fault.client_starved,
        confidence=0.9,
    )
