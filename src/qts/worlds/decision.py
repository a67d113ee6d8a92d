"""What a world allows, for how long, and how a reader turns that into what it may do.

A decision is authority with an expiry. The reader enforces the expiry, and may
only ever lower what the decision says: ``resolve`` takes the smaller of the
hint and the decision, and answers every fault (missing, stale, expired,
unknown, unreachable, about another world or
strategy, under another policy, good for too long) with backtest and the order gate
closed. A hint without a decision is worth nothing.

    validate, compute-only -> backtest    gate closed
    shadow                 -> shadow      gate closed, mirrors live inputs
    paper                  -> dryrun      gate open, simulated orders only
    live                   -> live        gate open
    anything else          -> backtest    gate closed
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from qts.domain.ids import digest
from qts.domain.instant import HOUR_MS, SECOND_MS, Duration, Instant, format_duration, format_instant

CLOCK_SKEW_MAX: Final[Duration] = 2 * SECOND_MS
"""A decision may be this far ahead of the reader's clock; farther, one of the clocks is wrong."""

DECISION_TTL_MAX: Final[Duration] = HOUR_MS
"""No decision may be acted on for longer, whatever it says of itself."""


class Mode(StrEnum):
    """What a world says, in its own words."""

    VALIDATE = "validate"
    COMPUTE_ONLY = "compute-only"
    SHADOW = "shadow"
    PAPER = "paper"
    LIVE = "live"


class ExecutionDomain(StrEnum):
    """Where a strategy runs."""

    BACKTEST = "backtest"
    SHADOW = "shadow"
    DRYRUN = "dryrun"
    LIVE = "live"

    @property
    def authority(self) -> int:
        """How much may happen there. Shadow sends no order, so it is worth no more than backtest."""
        match self:
            case ExecutionDomain.BACKTEST | ExecutionDomain.SHADOW:
                return 0
            case ExecutionDomain.DRYRUN:
                return 1
            case ExecutionDomain.LIVE:
                return 2


def effective_mode_to_mode(text: str) -> Mode:
    """The mode somebody wrote; validate for anything unknown. ``backtest``, ``sim`` and ``dryrun`` are understood."""
    aliases = {"backtest": Mode.COMPUTE_ONLY, "sim": Mode.PAPER, "dryrun": Mode.PAPER}
    if text in aliases:
        return aliases[text]
    return Mode(text) if text in set(Mode) else Mode.VALIDATE


def mode_to_execution_domain(mode: str) -> ExecutionDomain:
    """Where a mode runs; backtest for anything unknown."""
    match effective_mode_to_mode(mode):
        case Mode.VALIDATE | Mode.COMPUTE_ONLY:
            return ExecutionDomain.BACKTEST
        case Mode.SHADOW:
            return ExecutionDomain.SHADOW
        case Mode.PAPER:
            return ExecutionDomain.DRYRUN
        case Mode.LIVE:
            return ExecutionDomain.LIVE


def execution_domain_to_mode(domain: str) -> Mode:
    """The most a domain stands for; validate for anything unknown."""
    match domain:
        case ExecutionDomain.BACKTEST:
            return Mode.COMPUTE_ONLY
        case ExecutionDomain.SHADOW:
            return Mode.SHADOW
        case ExecutionDomain.DRYRUN:
            return Mode.PAPER
        case ExecutionDomain.LIVE:
            return Mode.LIVE
    return Mode.VALIDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEnvelope:
    """What a world allows one strategy. It may come from outside, so its mode is a text and its facts may be missing.

    ttl: milliseconds after ``as_of`` during which it may be acted on. etag:
    equal exactly when everything else is.
    """

    world: str
    strategy: str
    run_id: str | None
    policy_version: int
    effective_mode: str
    reason: str
    as_of: Instant | None
    ttl: Duration
    dataset_fingerprint: str | None

    @property
    def etag(self) -> str:
        return f"w:{self.world}:v{self.policy_version}:{digest(self._stated())[:16]}"

    def _stated(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    def facts(self) -> dict[str, object]:
        return {**self._stated(), "etag": self.etag}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFault:
    """There is no decision, and why: the store cannot be reached, the answer cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the reader may do now.

    gate_open: whether orders may leave for the domain's broker. safe_mode: a
    fault forced backtest. downgraded: it is less than was hinted or decided.
    """

    mode: Mode
    domain: ExecutionDomain
    gate_open: bool
    safe_mode: bool
    downgraded: bool
    reason: str


def resolve(
    hint: str | None,
    decision: DecisionEnvelope | DecisionFault | None,
    *,
    world: str,
    strategy: str,
    now: Instant,
    policy_version: int | None = None,
) -> Resolution:
    """min(hint, decision), and backtest with the gate closed for every fault.

    hint: what the caller asked for. world, strategy: whom the decision must be
    about. policy_version: the one it must rest on; None when the reader does not know.
    """
    fault = _fault(decision, _Wanted(world=world, strategy=strategy, policy_version=policy_version), now)
    if fault is not None or not isinstance(decision, DecisionEnvelope):
        return Resolution(
            mode=Mode.VALIDATE,
            domain=ExecutionDomain.BACKTEST,
            gate_open=False,
            safe_mode=True,
            downgraded=True,
            reason=fault or "decision_missing",
        )
    decided = effective_mode_to_mode(decision.effective_mode)
    mode, reason = decided, decision.reason
    if hint is not None and hint not in _KNOWN_HINTS:
        mode, reason = Mode.VALIDATE, f"hint_unknown: {hint!r}"
    elif hint is not None and _lower(hint, decided):
        mode, reason = effective_mode_to_mode(hint), f"hint_lower: {hint} was asked for, {decided} allowed"
    domain = mode_to_execution_domain(mode)
    asked = mode_to_execution_domain(hint) if hint is not None else domain
    return Resolution(
        mode=mode,
        domain=domain,
        gate_open=domain.authority > 0,
        safe_mode=False,
        downgraded=domain.authority < max(asked.authority, mode_to_execution_domain(decided).authority),
        reason=reason,
    )


_KNOWN_HINTS: Final = frozenset({"backtest", "validate", "compute-only", "sim", "dryrun", "paper", "live"})
"""Shadow is not among them: mirroring live inputs is the operator's to decide."""


def _lower(hint: str, decided: Mode) -> bool:
    asked, allowed = mode_to_execution_domain(hint), mode_to_execution_domain(decided)
    return asked.authority < allowed.authority or (asked is ExecutionDomain.BACKTEST and decided is Mode.SHADOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The decision a reader may rely on."""

    world: str
    strategy: str
    policy_version: int | None

    def other(self, decision: DecisionEnvelope) -> str | None:
        """How the decision is somebody else's, or None when it is the one."""
        if decision.world != self.world:
            return f"decision_of_another_world: {decision.world!r}"
        if decision.strategy != self.strategy:
            return f"decision_of_another_strategy: {decision.strategy!r}"
        if self.policy_version is not None and decision.policy_version != self.policy_version:
            return f"decision_of_another_policy: version {decision.policy_version}, not {self.policy_version}"
        return None


def _fault(decision: DecisionEnvelope | DecisionFault | None, wanted: _Wanted, now: Instant) -> str | None:
    """Why a decision cannot be relied on, or None."""
    if decision is None:
        return "decision_missing"
    if isinstance(decision, DecisionFault):
        return f"decision_unavailable: {decision.reason}"
    other = wanted.other(decision)
    if other is not None:
        return other
    if decision.effective_mode not in set(Mode):
        return f"mode_unknown: {decision.effective_mode!r}"
    if not decision.dataset_fingerprint:
        return "missing_dataset_fingerprint"
    return "missing_as_of" if decision.as_of is None else _stale(decision.as_of, decision.ttl, now)


def _stale(as_of: Instant, ttl: Duration, now: Instant) -> str | None:
    if ttl <= 0:
        return "decision_without_ttl"
    if ttl > DECISION_TTL_MAX:
        return f"decision_ttl_too_long: {ttl} ms, at most {format_duration(DECISION_TTL_MAX)}"
    if as_of > now + CLOCK_SKEW_MAX:
        return f"decision_from_the_future: {format_instant(as_of)}"
    if now - as_of > ttl:
        return f"stale_decision: {format_instant(as_of)} is older than {format_duration(ttl)}"
    return None
