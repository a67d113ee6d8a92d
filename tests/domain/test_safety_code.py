"""The registry of codes: one entry each, nothing unsaid, every owner a file, every scope as the requirements give it.

Proves: P4-4
"""

import pytest

from qts.domain.safety_code import REGISTRY, SafetyCode, Scope, Severity
from tools.finding import PROJECT

# Requirements, P4-4 and section 6. FS092 is the account's for two of its reasons, else its execution's.
SCOPES = {
    SafetyCode.FS090: Scope.EXECUTION,
    SafetyCode.FS091: Scope.EXECUTION,
    SafetyCode.FS092: Scope.EXECUTION,
    SafetyCode.FS093: Scope.EXECUTION,
    SafetyCode.FS094: Scope.EXECUTION,
    SafetyCode.FS095: Scope.ACCOUNT,
    SafetyCode.FS040: Scope.ACCOUNT,
    SafetyCode.FS050: Scope.ACCOUNT,
    SafetyCode.FS104: Scope.ACCOUNT,
    SafetyCode.FS070: Scope.SYMBOL,
}


def test_every_code_is_registered_once_and_nothing_else_is():
    assert set(REGISTRY) == set(SafetyCode)
    assert len({code.value for code in SafetyCode}) == len(SafetyCode.__members__)


def test_the_pipelines_codes_are_all_there():
    """SX-7 names them: FS090 to FS095, GR060 to GR064."""
    named = {f"FS09{number}" for number in range(6)} | {f"GR06{number}" for number in range(5)}
    assert named <= {code.value for code in SafetyCode}


@pytest.mark.parametrize("code", SafetyCode)
def test_each_says_when_and_what_and_whose(code: SafetyCode):
    facts = REGISTRY[code]
    assert facts.trigger
    assert facts.action
    assert (PROJECT / "src/qts" / facts.owner).is_file(), facts.owner


def test_no_two_codes_share_a_trigger():
    assert len({facts.trigger for facts in REGISTRY.values()}) == len(REGISTRY)


@pytest.mark.parametrize("code", SafetyCode)
def test_the_first_letters_are_the_severity(code: SafetyCode):
    expected = {"FS": Severity.FAIL_SAFE, "GR": Severity.GUARDRAIL, "AN": Severity.ANOMALY}
    assert code.severity is expected[code.value[:2]]
    assert code.value[2:].isdigit()


def test_every_fail_safe_has_the_scope_it_must_have():
    assert {code for code in SafetyCode if code.severity is Severity.FAIL_SAFE} == set(SCOPES)
    assert {code: REGISTRY[code].scope for code in SCOPES} == SCOPES


def test_what_fs092_says_of_its_two_account_wide_reasons():
    assert "LOSS_LIMIT" in REGISTRY[SafetyCode.FS092].trigger
    assert "BROKER_UNSTABLE" in REGISTRY[SafetyCode.FS092].trigger
