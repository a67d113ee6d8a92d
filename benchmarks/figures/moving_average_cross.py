"""Moving averages 20/50 with a Python callback on every bar: the same bars, the same fills, the same fees."""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

QTS = "qts"
QTS_COMPILED = "qts, compiled"
QTS_CERTIFIED = "qts, with its digest"
BACKTESTING = "backtesting.py"
BACKTRADER = "backtrader"
NAUTILUS = "nautilus 2"
VECTORBT = "vectorbt (signals, no callback)"

_FILLS_AT_CLOSE = "on bars it fills market orders at the close that decided"
_FLOAT_TIES = "sums floats, so rounding decides exact ties of the averages"
_NOTES = {
    QTS: "every order through every check, journaled (hash-chained rows), the exact book, the trade list",
    QTS_COMPILED: "the same, with the order path compiled to machine code (make compiled)",
}


def _contenders(bars: int) -> tuple[Contender, ...]:
    size = ("--bars", str(bars))
    run = ("-m", "benchmarks.contenders.qts_run", "--work", "cross", *size)
    peer = "benchmarks.contenders"
    return (
        Contender(name=QTS, command=run),
        Contender(name=QTS_COMPILED, command=run, environment=Environment.COMPILED),
        Contender(name=QTS_CERTIFIED, command=(*run, "--digest")),
        Contender(
            name=BACKTESTING,
            command=("-m", f"{peer}.backtesting_py", "--work", "cross", *size),
            cause=_FLOAT_TIES,
        ),
        Contender(
            name=NAUTILUS,
            command=("-m", f"{peer}.nautilus", "--work", "cross", *size),
            environment=Environment.NAUTILUS,
            cause=_FILLS_AT_CLOSE,
        ),
        Contender(name=VECTORBT, command=("-m", f"{peer}.vectorbt_signals", *size), cause=_FLOAT_TIES),
    )


MOVING_AVERAGE_CROSS = Figure(
    name="cross",
    title="Moving-average cross with a callback each bar, 100,000 bars, 2,224 orders",
    quantity=Quantity.BARS_PER_SECOND,
    contenders=(
        *_contenders(100_000),
        Contender(name=BACKTRADER, command=("-m", "benchmarks.contenders.backtrader_cross", "--bars", "100000")),
    ),
    targets=tuple(
        Target(requirement="PF-2", subject=subject, against=BACKTRADER, aim=50, floor=30)
        for subject in (QTS_COMPILED, QTS)
    ),
    reference=QTS,
    notes=_NOTES,
    expected_equity=99_003.396708,
)

MOVING_AVERAGE_CROSS_LONG = Figure(
    name="cross-long",
    title="The same, 1,000,000 bars, 22,215 orders (backtrader, at over a minute a run, is left to the shorter one)",
    quantity=Quantity.BARS_PER_SECOND,
    contenders=_contenders(1_000_000),
    targets=tuple(
        Target(requirement="PF-2", subject=subject, against=peer, aim=aim, floor=floor)
        for subject in (QTS_COMPILED, QTS)
        for peer, aim, floor in ((NAUTILUS, 5, 3), (BACKTESTING, 4, 2.5))
    ),
    reference=QTS,
    notes=_NOTES,
)
