"""What a seed stands for: market, work, faults and crashes of one scenario, drawn before it runs.

The plan is explicit, so that it can be stored and made smaller: a fault is armed
at an instant and strikes the next thing on the wire it fits.
"""

import json
import random
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.simulation.campaign.crash_points import CRASH_POINTS
from tests.simulation.campaign.market_script import MarketPlan, Stretch, draw_market
from tests.simulation.campaign.virtual_time import stream

START = 1_760_000_000_000
SAFETY_MS = 7_200_000
SYMBOLS = ("AAAUSDT", "BBBUSDT")

# family -> what it strikes: a request, an event of the stream, or the world at its instant
REQUEST_FAMILIES = {
    "drop_req": ("send", "cancel", "modify", "query", "snapshot"),
    "drop_reply": ("send", "cancel", "modify"),
    "unknown_acting": ("send", "cancel", "modify"),
    "unknown_idle": ("send", "cancel", "modify"),
    "refused": ("send", "cancel"),
    "rejected": ("send",),
    "late": ("send", "cancel"),
    "slow_reply": ("send", "cancel", "modify", "query", "snapshot"),
    "dup_reply": ("send", "cancel", "query", "snapshot"),
    "garbage": ("send", "cancel"),
    "zombie": ("send",),
    "failed_read": ("query", "snapshot"),
}
STREAM_FAMILIES = ("dup", "hold", "swap", "lose")
WORLD_FAMILIES = (
    "forget",
    "lag_rest",
    "throttle",
    "disconnect",
    "mute",
    "adl",
    "liquidation",
    "expire",
    "algo_reject",
    "foreign_trade",
    "foreign_order",
    "funding",
    "market_closed",
    "filters",
    "overflow",
)
FAMILIES = (*REQUEST_FAMILIES, *STREAM_FAMILIES, *WORLD_FAMILIES)


@dataclass(frozen=True, slots=True)
class Fault:
    """family: what. at: armed from then on. verb: the request it strikes, '' for any event. role: '' for any order's.

    ms: how long or how late. symbol: for what happens to a symbol. sign: which way.
    """

    family: str
    at: int
    verb: str = ""
    role: str = ""
    ms: int = 0
    symbol: str = ""
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Crash:
    """The process dies at the ``nth`` time after ``at`` that it comes by the point, and is started again ``down_ms``
    later. point '': it dies at the instant, wherever it is."""

    at: int
    point: str
    nth: int
    down_ms: int


@dataclass(frozen=True, slots=True)
class Work:
    """One thing a strategy or an operator does. bp: a hundredth of a percent of the price."""

    at: int
    kind: str  # entry, exit, protect, withdraw, or the operator's: escape, kill, resume, acknowledge, pause
    symbol: str
    sign: int = 1
    type: str = "market"
    lots: int = 0
    algorithm: str = ""
    horizon_ms: int = 0
    good_ms: int = 0
    offset_bp: int = 0
    stop_bp: int = 0
    target_bp: int = 0
    share: int = 100
    back: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """shuffled: simultaneous things happen in any order. killed: an operator kills the account as the faults end.

    unnamed: the venue never says how much of an order had filled when it ends. shared: several strategies trade the
    account, so that the net position says nothing of whose an order is, and orders are withdrawn by a word.
    """

    seed: int
    start: int
    end: int
    market: MarketPlan
    work: tuple[Work, ...]
    faults: tuple[Fault, ...]
    crashes: tuple[Crash, ...]
    shuffled: bool
    killed: bool
    unnamed: bool = False
    shared: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def plan_from_json(text: str) -> Plan:
    raw: dict[str, Any] = json.loads(text)
    market = raw["market"]
    return Plan(
        seed=raw["seed"],
        start=raw["start"],
        end=raw["end"],
        market=MarketPlan(market["seed"], market["every_ms"], tuple(Stretch(**each) for each in market["stretches"])),
        work=tuple(Work(**each) for each in raw["work"]),
        faults=tuple(Fault(**each) for each in raw["faults"]),
        crashes=tuple(Crash(**each) for each in raw["crashes"]),
        shuffled=raw["shuffled"],
        killed=raw["killed"],
        unnamed=raw.get("unnamed", False),
        shared=raw.get("shared", False),
    )


def draw(seed: int, *, crash_point: str | None = None) -> Plan:
    """The scenario of a seed. crash_point: die there for certain, besides what the seed draws."""
    start, end = START, START + SAFETY_MS
    swarm = stream(seed, "swarm")
    families = [each for each in FAMILIES if swarm.random() < 1 / 3]
    crashes = draw_crashes(stream(seed, "crashes"), start, end)
    work = draw_work(stream(seed, "work"), start, end)
    faults = draw_faults(swarm, families, start, end)
    if crash_point is None and swarm.random() < 0.2:
        work, faults, crashes = stopped_and_restarted(stream(seed, "stopped"), work, faults, crashes, start, end)
    if crash_point is not None:
        rng = stream(seed, f"crash/{crash_point}")
        crashes = draw_certain_crash(rng, crash_point, start)
        work = tuple(sorted((*work, *leading_to(rng, crash_point, start)), key=lambda each: each.at))
        refused = (Fault("refused", start + rng.randrange(SAFETY_MS), "send") for _ in range(6))
        faults = tuple(sorted((*faults, *refused), key=lambda each: each.at))
    work = tuple(sorted((*work, *draw_haste(stream(seed, "haste"), faults, crashes)), key=lambda each: each.at))
    sharing = stream(seed, "shared")
    shared = sharing.random() < 0.2
    if shared:
        work = tuple(sorted((*work, *draw_withdrawals(sharing, work)), key=lambda each: each.at))
    return Plan(
        seed=seed,
        start=start,
        end=end,
        market=draw_market(stream(seed, "market"), seed, start, end),
        work=work,
        faults=faults,
        crashes=crashes,
        shuffled=swarm.random() < 0.2,
        killed=swarm.random() < 0.15,
        unnamed=stream(seed, "unnamed").random() < 0.3,
        shared=shared,
    )


def draw_crashes(rng: random.Random, start: int, end: int) -> tuple[Crash, ...]:
    count = rng.choice((0, 0, 1, 1, 2))
    found = []
    for _ in range(count):
        point = rng.choice(("", *CRASH_POINTS))
        found.append(Crash(rng.randrange(start, end), point, rng.randrange(1, 4), down(rng)))
    return tuple(sorted(found, key=lambda each: each.at))


def draw_certain_crash(rng: random.Random, point: str, start: int) -> tuple[Crash, ...]:
    """Some points are come by a few times in a scenario: those are taken the first time."""
    is_rare = point in ("K17", "K18", "K19", "K20", "K21", "K22", "K25")
    at = start + (0 if is_rare else rng.randrange(SAFETY_MS // 3))
    crash = Crash(at, point, 1 if is_rare else rng.randrange(1, 4), down(rng))
    if point != "K25":
        return (crash,)
    return (crash, Crash(start + rng.randrange(SAFETY_MS // 2), "", 1, down(rng)))  # it takes a start to die in one


def leading_to(rng: random.Random, point: str, start: int) -> tuple[Work, ...]:
    """What has to be said for a point to be come by at all."""
    if point in ("K21", "K22"):
        return (Work(start + rng.randrange(600_000, SAFETY_MS // 2), "kill", ""),)
    if point == "K18":
        times = [start + rng.randrange(600_000, SAFETY_MS) for _ in range(6)]
        return tuple(Work(at, "escape", rng.choice(SYMBOLS)) for at in times)
    return ()


def stopped_and_restarted(  # noqa: PLR0917 - a plan's parts
    rng: random.Random,
    work: tuple[Work, ...],
    faults: tuple[Fault, ...],
    crashes: tuple[Crash, ...],
    start: int,
    end: int,
) -> tuple[tuple[Work, ...], tuple[Fault, ...], tuple[Crash, ...]]:
    """Something stops the account, the process dies soon after, and for a long while no operator is there."""
    at = rng.randrange(start + 600_000, end - 2_000_000)
    back = at + rng.randrange(900_000, 1_800_000)
    kept = [each for each in work if not (at < each.at < back and each.kind in ("resume", "acknowledge"))]
    if rng.random() < 0.5:
        kept.append(Work(at, "kill", ""))
    else:
        faults = tuple(sorted((*faults, Fault("overflow", at)), key=lambda each: each.at))
    crash = Crash(at + rng.randrange(500, 120_000), "", 1, rng.choice((200, 2_000, 15_000)))
    return (
        tuple(sorted(kept, key=lambda each: each.at)),
        faults,
        tuple(sorted((*crashes, crash), key=lambda each: each.at)),
    )


def down(rng: random.Random) -> int:
    return rng.choice((200, 2_000, 15_000, 90_000, 600_000))


def draw_faults(rng: random.Random, families: list[str], start: int, end: int) -> tuple[Fault, ...]:
    if not families:
        return ()
    rates = [rng.uniform(0.2, 2.0) for _ in families]
    burst = rng.randrange(start, end - 600_000) if rng.random() < 0.3 else None
    found = []
    for _ in range(rng.randrange(12, 30)):
        at = rng.randrange(start, end) if burst is None or rng.random() < 0.4 else burst + rng.randrange(600_000)
        found.append(_fault(rng, rng.choices(families, rates)[0], at))
    return tuple(sorted(found, key=lambda each: each.at))


_LENGTHS = {
    "late": (200, 500, 1_500, 4_000),
    "slow_reply": (300, 1_000, 2_500),
    "dup_reply": (1, 400, 3_000, 30_000),
    "zombie": (8_000, 15_000, 40_000),
    "filters": (20_000, 120_000, 600_000),
    "hold": (100, 1_000, 8_000, 60_000, 600_000),
    "forget": (1_000, 5_000, 30_000, 300_000),
    "lag_rest": (2_000, 10_000, 30_000),
    "throttle": (1_000, 5_000, 30_000),
    "disconnect": (100, 2_000, 20_000, 120_000),
    "mute": (2_000, 20_000, 120_000),
    "market_closed": (5_000, 60_000),
}


def _fault(rng: random.Random, family: str, at: int) -> Fault:
    verbs = REQUEST_FAMILIES.get(family)
    verb = "" if verbs is None else rng.choice((verbs[0], *verbs))
    role = rng.choice(("", "", "entry", "stop-loss", "take-profit", "exit", "escape")) if verb == "send" else ""
    return Fault(
        family,
        at,
        verb,
        role,
        rng.choice(_LENGTHS.get(family, (0,))),
        rng.choice(SYMBOLS),
        rng.choice((-1, 1)),
    )


def draw_work(rng: random.Random, start: int, end: int) -> tuple[Work, ...]:
    """40 to 300 parents, entries twice as often as exits, and now and then an operator."""
    found: list[Work] = []
    for _ in range(rng.choice((40, 60, 80, 120, 300))):
        at = rng.randrange(start + 20_000, end - 400_000)
        found.append(_entry(rng, at) if rng.random() < 0.65 else _exit(rng, at))
    for _ in range(rng.randrange(6)):
        found.append(
            Work(
                rng.randrange(start, end),
                "protect",
                rng.choice(SYMBOLS),
                stop_bp=rng.choice((40, 80, 150)),
                target_bp=rng.choice((0, 60, 120)),
            )
        )
    for _ in range(rng.choice((0, 0, 1, 2))):
        verb = rng.choice(("escape", "escape", "kill", "pause"))
        at = rng.randrange(start + 60_000, end - 600_000)
        found.append(Work(at, verb, rng.choice(SYMBOLS) if verb == "escape" else ""))
    # An operator who is there: without one, the first stop of the account would end most scenarios.
    every = rng.choice((120_000, 300_000, 900_000))
    for at in range(start + every, end, every):
        found.append(Work(at, "acknowledge", ""))
        found.append(Work(at + 1, "resume", ""))
    return tuple(sorted(found, key=lambda each: each.at))


def draw_haste(rng: random.Random, faults: tuple[Fault, ...], crashes: tuple[Crash, ...]) -> list[Work]:
    """Entries wanted just after a start or a reconnection, while the venue's lists are still to be compared."""
    back = [each.at + each.down_ms for each in crashes if not each.point]
    back += [each.at + each.ms for each in faults if each.family == "disconnect"]
    delays = [(at, rng.choice((20, 150, 600, 1_500, 3_000))) for at in back for _ in range(3)]
    return [_entry(rng, at + delay) for at, delay in delays if at + delay < START + SAFETY_MS - 400_000]


def draw_withdrawals(rng: random.Random, work: tuple[Work, ...]) -> tuple[Work, ...]:
    """Some soon after a decision, while it is on its way, others whenever; back: which of the last ones they name."""
    decided = [each for each in work if each.kind in ("entry", "exit")]
    found = []
    for _ in range(rng.randrange(5, 40)):
        one = rng.choice(decided)
        at = one.at + rng.choice((0, 1, 40, 150, 600, 2_500, 20_000, 120_000))
        found.append(Work(at, "withdraw", one.symbol, back=rng.choice((1, 1, 1, 2, 3))))
    return tuple(found)


def _entry(rng: random.Random, at: int) -> Work:
    type_ = rng.choice(("market", "limit"))
    algorithm = rng.choice(("", "", "single", "twap", "iceberg"))
    return Work(
        at,
        "entry",
        rng.choice(SYMBOLS),
        sign=rng.choice((-1, 1)),
        type=type_,
        lots=rng.choice((20, 90, 150, 400, 1_000, 2_500)),
        algorithm=algorithm,
        horizon_ms=rng.choice((10_000, 60_000, 180_000)) if algorithm in ("", "twap") else 0,
        good_ms=rng.choice((20_000, 60_000, 240_000)) if type_ == "limit" else 0,
        offset_bp=rng.choice((-3, 0, 2, 5, 20)),
        stop_bp=rng.choice((30, 60, 120, 200)),
        target_bp=rng.choice((0, 30, 60, 150)),
    )


def _exit(rng: random.Random, at: int) -> Work:
    type_ = rng.choice(("market", "market", "limit"))
    return Work(
        at,
        "exit",
        rng.choice(SYMBOLS),
        type=type_,
        good_ms=rng.choice((20_000, 60_000)) if type_ == "limit" else 0,
        offset_bp=rng.choice((-2, 0, 3)),
        share=rng.choice((25, 50, 100, 100)),
    )


def without(plan: Plan, *, families: frozenset[str] = frozenset()) -> Plan:
    return replace(plan, faults=tuple(each for each in plan.faults if each.family not in families))
