"""Authority only ever goes down."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.worlds.decision import (
    CLOCK_SKEW_MAX,
    DECISION_TTL_MAX,
    DecisionEnvelope,
    DecisionFault,
    ExecutionDomain,
    Mode,
    Resolution,
    effective_mode_to_mode,
    execution_domain_to_mode,
    mode_to_execution_domain,
    resolve,
)

NOW = 1_700_000_000_000
DECISION = DecisionEnvelope(
    world="w",
    strategy="s",
    run_id="run-1",
    policy_version=3,
    effective_mode="paper",
    reason="seat 1 of 3",
    as_of=NOW,
    ttl=300_000,
    dataset_fingerprint="abc",
)


def resolved(
    hint: str | None = None, decision: DecisionEnvelope | DecisionFault | None = DECISION, now: int = NOW
) -> Resolution:
    return resolve(hint, decision, world="w", strategy="s", policy_version=3, now=now)


@pytest.mark.parametrize(
    ("mode", "domain", "gate"),
    [
        ("validate", "backtest", "closed"),
        ("compute-only", "backtest", "closed"),
        ("shadow", "shadow", "closed"),
        ("paper", "dryrun", "open"),
        ("live", "live", "open"),
    ],
)
def test_each_mode_has_its_domain_and_gate(mode: str, domain: str, gate: str) -> None:
    """Proves: WS-5"""
    found = resolved(decision=replace(DECISION, effective_mode=mode))
    assert (found.mode, found.domain, "open" if found.gate_open else "closed") == (mode, domain, gate)
    assert not found.safe_mode
    assert not found.downgraded
    assert found.reason == "seat 1 of 3"


@pytest.mark.parametrize(
    ("hint", "decided", "domain", "lowered"),
    [
        (None, "paper", "dryrun", "no"),
        ("live", "paper", "dryrun", "yes"),
        ("paper", "paper", "dryrun", "no"),
        ("backtest", "paper", "backtest", "yes"),
        ("paper", "live", "dryrun", "yes"),
        ("live", "live", "live", "no"),
        ("live", "validate", "backtest", "yes"),
        ("backtest", "shadow", "backtest", "no"),
        ("live", "shadow", "shadow", "yes"),
        ("shadow", "live", "backtest", "yes"),
        ("root", "live", "backtest", "yes"),
        ("", "live", "backtest", "yes"),
    ],
)
def test_the_smaller_of_hint_and_decision_holds(hint: str | None, decided: str, domain: str, lowered: str) -> None:
    """Proves: WS-5"""
    found = resolved(hint, replace(DECISION, effective_mode=decided))
    assert found.domain == domain
    assert found.downgraded is (lowered == "yes")


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (None, "decision_missing"),
        (DecisionFault(reason="connection refused"), "decision_unavailable: connection refused"),
        (replace(DECISION, as_of=None), "missing_as_of"),
        (replace(DECISION, dataset_fingerprint=None), "missing_dataset_fingerprint"),
        (replace(DECISION, dataset_fingerprint=""), "missing_dataset_fingerprint"),
        (replace(DECISION, ttl=0), "decision_without_ttl"),
        (replace(DECISION, as_of=NOW - 300_001), "stale_decision"),
        (replace(DECISION, as_of=NOW + CLOCK_SKEW_MAX + 1), "decision_from_the_future"),
        (replace(DECISION, world="other"), "decision_of_another_world: 'other'"),
        (replace(DECISION, strategy="t"), "decision_of_another_strategy: 't'"),
        (replace(DECISION, policy_version=2), "decision_of_another_policy: version 2, not 3"),
        (replace(DECISION, ttl=DECISION_TTL_MAX + 1), "decision_ttl_too_long: 3600001 ms, at most 1h"),
        (replace(DECISION, effective_mode="LIVE"), "mode_unknown: 'LIVE'"),
    ],
)
@pytest.mark.parametrize("hint", [None, "live"])
def test_every_fault_closes_the_gate_and_says_why(
    decision: DecisionEnvelope | DecisionFault | None, reason: str, hint: str | None
) -> None:
    """Proves: WS-5, WS-6"""
    found = resolved(hint, decision)
    assert found.domain is ExecutionDomain.BACKTEST
    assert not found.gate_open
    assert found.safe_mode
    assert found.downgraded
    assert found.reason.startswith(reason)


def test_the_reader_enforces_the_ttl_to_the_millisecond() -> None:
    """Proves: WS-6"""
    assert resolved(now=NOW + 300_000).gate_open
    assert not resolved(now=NOW + 300_001).gate_open
    assert resolved(now=NOW - CLOCK_SKEW_MAX).gate_open
    longest = replace(DECISION, ttl=DECISION_TTL_MAX)
    assert resolved(decision=longest, now=NOW + DECISION_TTL_MAX).gate_open


def test_a_reader_that_does_not_know_the_policy_takes_any_version() -> None:
    assert resolve(None, DECISION, world="w", strategy="s", now=NOW).gate_open


@given(
    hint=st.none() | st.sampled_from(["backtest", "paper", "live", "sim", "shadow", "validate", "x"]) | st.text(),
    mode=st.sampled_from([*Mode, "backtest", "LIVE", "unknown"]) | st.text(),
    as_of=st.none() | st.integers(NOW - 10**7, NOW + 10**7),
    ttl=st.integers(-1, 10**7),
    fingerprint=st.none() | st.just("abc") | st.just(""),
    world=st.sampled_from(["w", "v"]),
    strategy=st.sampled_from(["s", "t"]),
)
def test_nothing_ever_raises_authority(
    *, hint: str | None, mode: str, as_of: int | None, ttl: int, fingerprint: str | None, world: str, strategy: str
) -> None:
    """Proves: WS-5"""
    decision = replace(
        DECISION,
        effective_mode=mode,
        as_of=as_of,
        ttl=ttl,
        dataset_fingerprint=fingerprint,
        world=world,
        strategy=strategy,
    )
    found = resolved(hint, decision)
    decided = mode_to_execution_domain(mode) if mode in set(Mode) else ExecutionDomain.BACKTEST
    assert found.domain.authority <= decided.authority
    if hint is not None:
        assert found.domain.authority <= mode_to_execution_domain(hint).authority
    assert found.gate_open == (found.domain.authority > 0)
    if found.gate_open:
        assert as_of is not None
        assert as_of - CLOCK_SKEW_MAX <= NOW <= as_of + ttl
        assert fingerprint
        assert world == "w"
        assert strategy == "s"
        assert ttl <= DECISION_TTL_MAX


def test_modes_and_domains_name_each_other() -> None:
    for domain in ExecutionDomain:
        assert mode_to_execution_domain(execution_domain_to_mode(domain)) is domain
    assert execution_domain_to_mode("moon") is Mode.VALIDATE
    assert effective_mode_to_mode("sim") is Mode.PAPER
    assert effective_mode_to_mode("nonsense") is Mode.VALIDATE
    assert mode_to_execution_domain("nonsense") is ExecutionDomain.BACKTEST


def test_the_etag_follows_every_fact() -> None:
    """Proves: WS-6"""
    assert DECISION.etag == replace(DECISION).etag
    assert DECISION.etag.startswith("w:w:v3:")
    changes: list[dict[str, object]] = [
        {"world": "v"}, {"strategy": "t"}, {"run_id": None}, {"policy_version": 4}, {"effective_mode": "live"},
        {"reason": "r"}, {"as_of": NOW + 1}, {"ttl": 1}, {"dataset_fingerprint": "abd"},
    ]  # fmt: skip
    etags = {replace(DECISION, **change).etag for change in changes}  # type: ignore[arg-type]
    assert len(etags) == len(changes)
    assert DECISION.etag not in etags
    assert DECISION.facts()["etag"] == DECISION.etag
