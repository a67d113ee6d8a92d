"""Memory a run takes above the columns it is given: the highest resident size during the run."""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

_BARS = ("--bars", "1000000")
_PEERS = "benchmarks.contenders"

MEMORY = Figure(
    name="memory",
    title="Memory above the input columns, 1,000,000 bars (high-water mark of resident memory, reset before the run)",
    quantity=Quantity.EXTRA_BYTES_PER_BAR,
    contenders=(
        Contender(name="qts, never trades", command=("-m", f"{_PEERS}.qts_run", "--work", "glance", *_BARS)),
        Contender(name="qts, cross", command=("-m", f"{_PEERS}.qts_run", "--work", "cross", *_BARS)),
        Contender(name="backtesting.py, cross", command=("-m", f"{_PEERS}.backtesting_py", "--work", "cross", *_BARS)),
        Contender(
            name="nautilus 2, cross",
            command=("-m", f"{_PEERS}.nautilus", "--work", "cross", *_BARS),
            environment=Environment.NAUTILUS,
        ),
        Contender(name="vectorbt, cross", command=("-m", f"{_PEERS}.vectorbt_signals", *_BARS)),
    ),
    targets=(Target(requirement="PF-8", subject="qts, never trades", aim=16, floor=40),),
    notes={"qts, cross": "averages, orders, fills and trades of 22,215 orders included"},
)
