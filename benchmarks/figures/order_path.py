"""What one order costs in a backtest: the cross with its orders, less the same callback whose answers are dropped."""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

_BARS = ("--bars", "100000")

ORDER_PATH = Figure(
    name="order-path",
    title="One market order, from decision to certified fill, 2,224 orders",
    quantity=Quantity.MICROSECONDS_PER_ORDER,
    contenders=(
        Contender(name="qts", command=("-m", "benchmarks.contenders.qts_orders", *_BARS)),
        Contender(
            name="qts, the gate alone", command=("-m", "benchmarks.contenders.qts_orders", *_BARS, "--gate-alone")
        ),
        Contender(
            name="nautilus 2",
            command=("-m", "benchmarks.contenders.nautilus_orders", *_BARS),
            environment=Environment.NAUTILUS,
        ),
    ),
    targets=(
        Target(requirement="PF-4", subject="qts", aim=30, floor=60),
        Target(requirement="PF-4", subject="qts", against="nautilus 2", aim=1, floor=0.5),
    ),
    notes={
        "qts": "every check and every staged limit, journaled (hash-chained rows), the exact book, the trade list "
        "and the digest included",
        "qts, the gate alone": "the same without the staged limits, as before there were any",
    },
)
