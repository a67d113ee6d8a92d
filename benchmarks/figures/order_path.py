"""What one order costs in a backtest: the cross with its orders, less the same callback whose answers are dropped."""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

_ORDERS = ("-m", "benchmarks.contenders.qts_orders", "--bars", "100000")
_COMPILED = "qts, compiled"

ORDER_PATH = Figure(
    name="order-path",
    title="One market order, from decision to certified fill, 2,224 orders",
    quantity=Quantity.MICROSECONDS_PER_ORDER,
    contenders=(
        Contender(name="qts", command=_ORDERS),
        Contender(name=_COMPILED, command=_ORDERS, environment=Environment.COMPILED),
        Contender(name="qts, the gate alone", command=(*_ORDERS, "--gate-alone")),
        Contender(
            name="nautilus 2",
            command=("-m", "benchmarks.contenders.nautilus_orders", "--bars", "100000"),
            environment=Environment.NAUTILUS,
        ),
    ),
    targets=(
        Target(requirement="PF-4", subject=_COMPILED, aim=30, floor=60),
        Target(requirement="PF-4", subject=_COMPILED, against="nautilus 2", aim=1, floor=0.5),
        Target(requirement="PF-4", subject="qts", aim=30, floor=60),
        Target(requirement="PF-4", subject="qts", against="nautilus 2", aim=1, floor=0.5),
    ),
    notes={
        "qts": "every check and every staged limit, journaled (hash-chained rows), the exact book, the trade list "
        "and the digest included",
        _COMPILED: "the same, with the order path compiled to machine code (make compiled)",
        "qts, the gate alone": "interpreted, the same without the staged limits, as before there were any",
    },
)
