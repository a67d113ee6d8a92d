"""Where an order's time goes: each part's own microseconds, as benchmarks/order_profile.py finds them."""

from benchmarks.figure import Contender, Figure, Quantity

DECISION = "decision and gate"
LIMITS = "staged limits"
DESK = "the desk, and what is written down"
MACHINE = "machine and its line"
JOURNAL = "journal"
VENUE = "venue and matching"
BOOK = "book and trades"
BAR = "the bar it fills in, timers"
COLLECTOR = "garbage collector"
REST = "the rest"
WHOLE = "the whole order"

ORDER_PARTS = Figure(
    name="order-parts",
    title="Where the time of one market order goes, 2,224 orders",
    quantity=Quantity.MICROSECONDS_PER_ORDER,
    contenders=tuple(
        Contender(name=part, command=("-m", "benchmarks.order_profile"), reading=part)
        for part in (DECISION, LIMITS, DESK, MACHINE, JOURNAL, VENUE, BOOK, BAR, COLLECTOR, REST, WHOLE)
    ),
    targets=(),
    notes={
        DESK: "account state, arrival price, orders and refusals of the result",
        MACHINE: "loop, route, pipeline, order ledger, positions, protection; the line that carries news and commands",
        JOURNAL: "each event and command as text, and its link in the chain",
        COLLECTOR: "it walks the orders, fills and results that are kept, wherever it comes in between",
        REST: "digest, restart of the silent stretch; below zero it is noise",
        WHOLE: "without any stopwatch, as order-path measures it",
    },
)
