"""How much of a fault campaign one core gets through."""

from benchmarks.figure import Contender, Figure, Quantity, Target

_CAMPAIGN = ("-m", "benchmarks.contenders.qts_campaign")
_SCENARIOS = 40

CAMPAIGN = Figure(
    name="campaign",
    title=f"Fault campaign, {_SCENARIOS} dense scenarios of two simulated hours, one core",
    quantity=Quantity.SCENARIOS_PER_SECOND,
    contenders=(Contender(name="qts", command=(*_CAMPAIGN, "--work", "scenarios", "--seeds", str(_SCENARIOS))),),
    targets=(Target(requirement="PF-14", subject="qts", aim=0.8),),
    notes={"qts": "a second of processor time; every invariant after every event, replay and audit included"},
)

CAMPAIGN_DAY = Figure(
    name="campaign-day",
    title="A simulated day of the fault campaign: 24 hours, two symbols, a quote every 4 to 6 s, 300 decisions planned",
    quantity=Quantity.SECONDS_PER_DAY,
    contenders=(Contender(name="qts", command=(*_CAMPAIGN, "--work", "day", "--seeds", "2")),),
    targets=(Target(requirement="PF-14", subject="qts", aim=12),),
    notes={"qts": "processor time; faults, crashes, every invariant after every event, replay and audit included"},
)
