"""How long one waits: for an import, for help, for a first equity, for a new user's first verdict.

The whole process is timed from outside, interpreter included.
"""

from benchmarks.figure import Contender, Environment, Figure, Quantity, Target

_FOLDER = ("--folder", "{folder}")

START_UP = Figure(
    name="start-up",
    title="Start of a process, caches warm",
    quantity=Quantity.PROCESS_SECONDS,
    contenders=(
        Contender(name="python -c pass", command=("-c", "pass")),
        Contender(name="import qts", command=("-c", "import qts")),
        Contender(name="import qts.simulation.backtest", command=("-c", "import qts.simulation.backtest")),
        Contender(name="qts --help", command=("-c", "from qts.cli.main import main; main()", "--help")),
        Contender(
            name="qts, process to equity of 100,000 stored bars",
            command=("-m", "benchmarks.contenders.qts_process", *_FOLDER),
            prepare=("-m", "benchmarks.contenders.qts_store", *_FOLDER, "--bars", "100000"),
        ),
        Contender(
            name="nautilus 2, process to equity of 100,000 generated bars",
            command=("-m", "benchmarks.contenders.nautilus", "--work", "cross", "--bars", "100000"),
            environment=Environment.NAUTILUS,
        ),
        Contender(
            name="backtesting.py, process to equity of 100,000 generated bars",
            command=("-m", "benchmarks.contenders.backtesting_py", "--work", "cross", "--bars", "100000"),
        ),
    ),
    targets=(
        Target(requirement="PF-9", subject="import qts", aim=0.10, floor=0.3),
        Target(requirement="PF-9", subject="qts --help", aim=0.3, floor=0.5),
        Target(requirement="PF-9", subject="qts, process to equity of 100,000 stored bars", aim=0.5, floor=0.8),
    ),
    notes={
        "qts, process to equity of 100,000 stored bars": "reads a Parquet catalogue",
        "nautilus 2, process to equity of 100,000 generated bars": "makes its bars instead of reading them",
        "backtesting.py, process to equity of 100,000 generated bars": "makes its bars instead of reading them",
    },
)

FIRST_VERDICT = Figure(
    name="first-verdict",
    title="First verdict of a new user: `qts demo` in an empty home, after installation",
    quantity=Quantity.PROCESS_SECONDS,
    contenders=(
        Contender(name="qts demo", command=("-c", "from qts.cli.main import main; main()", "demo"), rounds_max=1),
    ),
    targets=(Target(requirement="PF-9", subject="qts demo", aim=45, floor=60),),
)
