"""How long each stage of an execution takes, in process and to the wire: the median, and all but one in a hundred."""

from benchmarks.figure import Contender, Figure, Quantity, Target

_STAGES = ("-m", "benchmarks.contenders.qts_stages", "--turns", "1000")
_DURABLE = (*_STAGES, "--folder", "{folder}")
_PERCENTILES = ("p50", "p99")

_LIMITS_MS = {
    "precheck": (2, 5),
    "split": (1, 3),
    "send, stored": (10, 20),
    "adjust": (5, 10),
    "escape": (5, 15),
}


def _both(name: str, reading: str, command: tuple[str, ...]) -> tuple[Contender, ...]:
    return tuple(
        Contender(name=f"{name}, {each}", command=command, reading=f"{reading}_{each}") for each in _PERCENTILES
    )


STAGE_LATENCY = Figure(
    name="sx-latency",
    title="Stages of an execution, 1,000 decisions (processor time; with the journal on disk: the clock on the wall)",
    quantity=Quantity.MILLISECONDS,
    contenders=(
        *_both("precheck", "precheck", _STAGES),
        *_both("split", "split", _STAGES),
        *_both("send", "send", _STAGES),
        *_both("send, stored", "send", _DURABLE),
        *_both("of it the append", "append", _DURABLE),
        *_both("adjust", "adjust", _STAGES),
        *_both("adjust, stored", "adjust", _DURABLE),
        *_both("escape", "escape", _STAGES),
        *_both("escape, stored", "escape", _DURABLE),
    ),
    targets=tuple(
        Target(requirement="SX-10", subject=f"{stage}, {percentile}", aim=limit)
        for stage, limits in _LIMITS_MS.items()
        for percentile, limit in zip(_PERCENTILES, limits, strict=True)
    ),
    notes={
        "split": "single, TWAP, VWAP and iceberg in turn",
        "send": "from the decision to the order that may be performed: every check, the split and the hashed rows",
        "adjust": "taking the order back and, once that is confirmed, sending its successor: two events",
        "escape": "the operator's word, two cancellations and, once confirmed, the closing order: three events",
        "stored": "a commit that reaches the disk (SQLite, synchronous=FULL) for every event before its commands leave",
    },
)
