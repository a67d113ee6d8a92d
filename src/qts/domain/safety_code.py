"""The registry of safety codes: what went wrong, how far it reaches, what is done, and whose file does it.

A code is raised in one place and stands here once. FS is a fail-safe: it stops.
GR is a guardrail: it restricts. AN is an anomaly: it warns. The scope says what
a fail-safe stops: one execution, one symbol, one strategy, or the account.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from qts.domain.plain_enum import plain_members


@plain_members
class Severity(StrEnum):
    FAIL_SAFE = "fail-safe"
    GUARDRAIL = "guardrail"
    ANOMALY = "anomaly"


@plain_members
class Scope(StrEnum):
    EXECUTION = "execution"
    SYMBOL = "symbol"
    STRATEGY = "strategy"
    ACCOUNT = "account"


@plain_members
class SafetyCode(StrEnum):
    FS040 = "FS040"
    FS050 = "FS050"
    FS070 = "FS070"
    FS090 = "FS090"
    FS091 = "FS091"
    FS092 = "FS092"
    FS093 = "FS093"
    FS094 = "FS094"
    FS095 = "FS095"
    FS104 = "FS104"
    GR040 = "GR040"
    GR060 = "GR060"
    GR061 = "GR061"
    GR062 = "GR062"
    GR063 = "GR063"
    GR064 = "GR064"
    AN030 = "AN030"
    AN050 = "AN050"

    @property
    def severity(self) -> Severity:
        return _SEVERITY[self[:2]]


_SEVERITY = {"FS": Severity.FAIL_SAFE, "GR": Severity.GUARDRAIL, "AN": Severity.ANOMALY}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFacts:
    """scope: how far a fail-safe reaches; where two are named, the escape's reason decides. owner: the raising file."""

    scope: Scope
    trigger: str
    action: str
    owner: str


REGISTRY: Final[dict[SafetyCode, CodeFacts]] = {
    SafetyCode.FS040: CodeFacts(
        scope=Scope.ACCOUNT,
        trigger="three requests in a row failed at the venue for reasons that are not the order's",
        action="no new exposure until an operator resumes",
        owner="execution/venue_news.py",
    ),
    SafetyCode.FS050: CodeFacts(
        scope=Scope.ACCOUNT,
        trigger="the account's equity is 0 or less",
        action="no new exposure",
        owner="execution/controller.py",
    ),
    SafetyCode.FS070: CodeFacts(
        scope=Scope.SYMBOL,
        trigger="our record and the venue's disagree on a symbol and three corrections did not help, "
        "or an order's outcome stays unknown for 60 seconds, or news contradict the life of an order, "
        "or more filled than was wanted",
        action="the symbol only reduces (quarantine) until an operator releases it",
        owner="execution/doubts.py",
    ),
    SafetyCode.FS090: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="every order an execution sent was refused, or an exit could not be sent in time",
        action="the execution ends FAILED",
        owner="execution/pipeline.py",
    ),
    SafetyCode.FS091: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="the venue does not know the symbol",
        action="the execution ends FAILED",
        owner="execution/pipeline.py",
    ),
    SafetyCode.FS092: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="an escape was carried out; for LOSS_LIMIT and BROKER_UNSTABLE the account's scope",
        action="what the escape did and could not do is reported",
        owner="execution/escapes.py",
    ),
    SafetyCode.FS093: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="an order filled in part and the rest not in time",
        action="the rest is cancelled, what filled is kept",
        owner="execution/pipeline.py",
    ),
    SafetyCode.FS094: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="slippage from the arrival price passed 0.5 %, or three rounds of adjustment were used up",
        action="adjusting stops, the rest is cancelled",
        owner="execution/stages/adaptive_adjust.py",
    ),
    SafetyCode.FS095: CodeFacts(
        scope=Scope.ACCOUNT,
        trigger="the queue of urgent events ran over",
        action="no new execution until an operator resumes; nothing urgent is dropped",
        owner="execution/controller.py",
    ),
    SafetyCode.FS104: CodeFacts(
        scope=Scope.ACCOUNT,
        trigger="an operator pressed the kill switch",
        action="all executions escape, the account is flattened and locked down",
        owner="execution/operator.py",
    ),
    SafetyCode.GR040: CodeFacts(
        scope=Scope.SYMBOL,
        trigger="an order or a fill on the account is not ours",
        action="it is adopted; the symbol opens nothing until an operator acknowledges it",
        owner="execution/doubts.py",
    ),
    SafetyCode.GR060: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="a split would make more than 20 orders",
        action="they are consolidated to 20",
        owner="execution/stages/order_split.py",
    ),
    SafetyCode.GR061: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="the free balance does not carry the order",
        action="the order is reduced to what it carries, or the rest is cancelled",
        owner="execution/stages/precheck.py",
    ),
    SafetyCode.GR062: CodeFacts(
        scope=Scope.ACCOUNT,
        trigger="the day's number of executions is used up",
        action="nothing that increases is executed until the next UTC day",
        owner="execution/stages/precheck.py",
    ),
    SafetyCode.GR063: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="slippage from the arrival price passed 0.3 %",
        action="the price is held where it is",
        owner="execution/stages/adaptive_adjust.py",
    ),
    SafetyCode.GR064: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="no fill for 30 seconds while an order works",
        action="it is reported",
        owner="execution/pipeline.py",
    ),
    SafetyCode.AN030: CodeFacts(
        scope=Scope.SYMBOL,
        trigger="reconciliation found the record behind the venue and corrected it",
        action="the account is WARNING",
        owner="execution/doubts.py",
    ),
    SafetyCode.AN050: CodeFacts(
        scope=Scope.EXECUTION,
        trigger="the venue did not say what became of a request",
        action="the account is WARNING; the order goes to the UNKNOWN protocol",
        owner="execution/doubts.py",
    ),
}
