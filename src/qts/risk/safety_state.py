"""The account's safety state: what the codes raised so far allow, and who may allow more again.

Down by itself, up by a person. An anomaly warns, an account's fail-safe stops
what increases, a second one with another cause within the hour locks the account
down, and so does the kill switch. Fifteen minutes without news end a warning;
everything else ends when an operator says so, a lockdown only with a name and a
reason. The whole of it is ``TRANSITIONS``.

A fail-safe of smaller scope leaves the account's state alone: one of a symbol
puts that symbol in quarantine, one of a strategy halts it, and so do three of
its executions within an hour.

The state is a fold of what was raised and said, in the order of the journal.
That makes it durable: handling a journal again gives it again.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from qts.domain.instant import HOUR_MS, MINUTE_MS, Duration, Instant
from qts.domain.plain_enum import plain_members
from qts.domain.safety_code import REGISTRY, SafetyCode, Scope, Severity

QUIET_MS: Final[Duration] = 15 * MINUTE_MS
SECOND_CAUSE_MS: Final[Duration] = HOUR_MS
STRATEGY_WINDOW_MS: Final[Duration] = HOUR_MS
STRATEGY_FAIL_SAFES_MAX: Final = 3


class OperatingWord(StrEnum):
    """What the state means for who trades. QUARANTINE is of one symbol, the others are the account's."""

    RUNNING = "running"
    REDUCING = "reducing"
    HALT = "halt"
    QUARANTINE = "quarantine"


@plain_members
class SafetyState(StrEnum):
    NORMAL = "normal"
    WARNING = "warning"
    FAIL = "fail"
    LOCKDOWN = "lockdown"

    may_increase: bool

    def __init__(self, word: str) -> None:
        self.may_increase = word in {"normal", "warning"}

    @property
    def word(self) -> OperatingWord:
        match self:
            case SafetyState.NORMAL | SafetyState.WARNING:
                return OperatingWord.RUNNING
            case SafetyState.FAIL:
                return OperatingWord.REDUCING
            case SafetyState.LOCKDOWN:
                return OperatingWord.HALT


class SafetyEvent(StrEnum):
    ANOMALY = "anomaly"
    FAIL_SAFE = "fail-safe"  # of the account
    SECOND_CAUSE = "second-cause"  # another fail-safe of the account, within the hour, with another cause
    KILL = "kill"
    QUIET = "quiet"  # the quiet time has passed
    RESUME = "resume"  # a person says so
    RELEASE = "release"  # a named person says so, with a reason


_S, _E = SafetyState, SafetyEvent

# A pair that is not here leaves the state as it is.
TRANSITIONS: Final[Mapping[tuple[SafetyState, SafetyEvent], SafetyState]] = MappingProxyType(
    {
        (_S.NORMAL, _E.ANOMALY): _S.WARNING,
        (_S.NORMAL, _E.FAIL_SAFE): _S.FAIL,
        (_S.NORMAL, _E.SECOND_CAUSE): _S.LOCKDOWN,  # resumed within the hour, and now something else fails
        (_S.NORMAL, _E.KILL): _S.LOCKDOWN,
        (_S.WARNING, _E.FAIL_SAFE): _S.FAIL,
        (_S.WARNING, _E.SECOND_CAUSE): _S.LOCKDOWN,
        (_S.WARNING, _E.KILL): _S.LOCKDOWN,
        (_S.WARNING, _E.QUIET): _S.NORMAL,
        (_S.FAIL, _E.SECOND_CAUSE): _S.LOCKDOWN,
        (_S.FAIL, _E.KILL): _S.LOCKDOWN,
        (_S.FAIL, _E.RESUME): _S.NORMAL,
        (_S.FAIL, _E.RELEASE): _S.NORMAL,
        (_S.LOCKDOWN, _E.RELEASE): _S.NORMAL,
    }
)


class AccountSafety:
    """One account's fold. ``state`` is the account's; symbols and strategies that are stopped stand beside it.

    halted_strategies, quarantined: id to the code that stopped it, in the order they were stopped.
    """

    __slots__ = ("_causes", "_failed", "_noted_at", "halted_strategies", "quarantined", "state")

    def __init__(self) -> None:
        self.state = SafetyState.NORMAL
        self.halted_strategies: dict[str, SafetyCode] = {}
        self.quarantined: dict[str, SafetyCode] = {}
        self._noted_at: Instant = 0  # when an anomaly or a fail-safe was last raised
        self._causes: dict[str, Instant] = {}  # of the account's fail-safes, with the last time of each
        self._failed: dict[str, tuple[Instant, ...]] = {}  # strategy -> its executions' fail-safes within the hour

    # -- down -----------------------------------------------------------------------

    def raised(
        self,
        code: SafetyCode,
        cause: str,
        now: Instant,
        *,
        scope: Scope | None = None,
        by_transition: bool = False,
        subject: str = "",
        strategy_id: str = "",
    ) -> SafetyState:
        """Draw the consequence of a code, and give the account's state after it.

        cause: what brought it about; two fail-safes with one cause are one trouble. '' stands for the code itself.
        scope: where it is not the registry's. by_transition: raised by a change of this state, or by the escape
        that answers a code: it never counts. subject: the symbol of a code of symbol scope. strategy_id: whose
        execution it was.
        """
        severity = code.severity
        if by_transition or severity is Severity.GUARDRAIL:
            return self.state
        self._noted_at = max(self._noted_at, now)
        if severity is Severity.ANOMALY:
            self._apply(SafetyEvent.ANOMALY)
            return self.state
        match REGISTRY[code].scope if scope is None else scope:
            case Scope.ACCOUNT:
                self._account_failed(code, cause, now)
            case Scope.SYMBOL:
                self.quarantined.setdefault(subject, code)
            case Scope.STRATEGY:
                self.halted_strategies.setdefault(strategy_id, code)
            case Scope.EXECUTION:
                self._execution_failed(code, strategy_id, now)
        return self.state

    def _account_failed(self, code: SafetyCode, cause: str, now: Instant) -> None:
        cause = cause or code.value
        recent = {each: at for each, at in self._causes.items() if now - at <= SECOND_CAUSE_MS}
        is_second = any(each != cause for each in recent)
        recent[cause] = now
        self._causes = recent
        if code is SafetyCode.FS104:
            self._apply(SafetyEvent.KILL)
        else:
            self._apply(SafetyEvent.SECOND_CAUSE if is_second else SafetyEvent.FAIL_SAFE)

    def _execution_failed(self, code: SafetyCode, strategy_id: str, now: Instant) -> None:
        before = self._failed.get(strategy_id, ())
        recent = (*(at for at in before if now - at <= STRATEGY_WINDOW_MS), now)
        self._failed[strategy_id] = recent[-STRATEGY_FAIL_SAFES_MAX:]
        if len(recent) >= STRATEGY_FAIL_SAFES_MAX:
            self.halted_strategies.setdefault(strategy_id, code)

    # -- up -------------------------------------------------------------------------

    def quiet(self, now: Instant) -> None:
        """Time has passed. A warning ends after 15 minutes without an anomaly or a fail-safe."""
        if self.state is SafetyState.WARNING and now - self._noted_at >= QUIET_MS:
            self._apply(SafetyEvent.QUIET)

    def resumed(self, who: str, why: str, now: Instant) -> str | None:  # noqa: ARG002 - a door like the others
        """An operator lets the account trade again, its halted strategies too. Why it is not so, or None.

        A lockdown asks for the name and a reason, and its release forgets what
        led to it. Anything less leaves the causes of the hour in memory: what
        fails next with another cause locks down. Quarantine is not lifted here.
        """
        if not who.strip():
            return "nobody may resume without a name"
        if self.state is SafetyState.LOCKDOWN:
            if not why.strip():
                return "a lockdown is released only for a reason"
            self._causes = {}
        self._apply(SafetyEvent.RELEASE if why.strip() else SafetyEvent.RESUME)
        self.halted_strategies = {}
        self._failed = {}
        return None

    def released(self, symbol: str, who: str, now: Instant) -> str | None:  # noqa: ARG002 - a door like the others
        """An operator acknowledges a symbol and ends its quarantine. Why it is not so, or None."""
        if not who.strip():
            return "nobody may release a symbol without a name"
        self.quarantined.pop(symbol, None)
        return None

    def _apply(self, event: SafetyEvent) -> None:
        self.state = TRANSITIONS.get((self.state, event), self.state)

    # -- looking --------------------------------------------------------------------

    @property
    def is_clear(self) -> bool:
        """Whether nothing forbids anybody anything."""
        return self.state.may_increase and not self.quarantined and not self.halted_strategies

    def may_increase(self, symbol: str, strategy_id: str) -> bool:
        return self.why_no_increase(symbol, strategy_id) is None

    def why_no_increase(self, symbol: str, strategy_id: str) -> str | None:
        """Why the strategy may open nothing on the symbol now, or None."""
        if not self.state.may_increase:
            return f"the account is in {self.state.value}"
        if symbol in self.quarantined:
            return f"{symbol} is in quarantine ({self.quarantined[symbol].value})"
        if strategy_id in self.halted_strategies:
            return f"strategy {strategy_id!r} is halted ({self.halted_strategies[strategy_id].value})"
        return None

    def word(self, symbol: str) -> OperatingWord:
        """What may be done on a symbol: the account's word, or quarantine where that restricts more."""
        if self.state.may_increase and symbol in self.quarantined:
            return OperatingWord.QUARANTINE
        return self.state.word

    def facts(self) -> tuple[object, ...]:
        """Everything remembered, as plain values, for digests."""
        return (
            self.state.value,
            self._noted_at,
            tuple(sorted(self._causes.items())),
            tuple(sorted(self._failed.items())),
            tuple((each, code.value) for each, code in self.halted_strategies.items()),
            tuple((each, code.value) for each, code in self.quarantined.items()),
        )
