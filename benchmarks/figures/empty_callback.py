"""A callback that reads one price and never trades: what an engine costs where nothing happens."""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

_BARS = ("--bars", "1000000")
_GLANCE = ("--work", "glance", *_BARS)
_PEERS = "benchmarks.contenders"

EMPTY_CALLBACK = Figure(
    name="empty-callback",
    title="A callback that reads one price and never trades, 1,000,000 bars (Nautilus: an empty callback)",
    quantity=Quantity.BARS_PER_SECOND,
    contenders=(
        Contender(name="qts", command=("-m", f"{_PEERS}.qts_run", *_GLANCE)),
        Contender(name="nautilus 2", command=("-m", f"{_PEERS}.nautilus", *_GLANCE), environment=Environment.NAUTILUS),
        Contender(name="backtesting.py", command=("-m", f"{_PEERS}.backtesting_py", *_GLANCE)),
        Contender(name="limit: bare Python calls", command=("-m", f"{_PEERS}.bare_python", *_BARS)),
    ),
    targets=(Target(requirement="PF-3", subject="qts", against="nautilus 2", aim=40, floor=15),),
)
