"""The account's safety state: down by itself, up by a person, the same again from the same record.

Proves: P4-2, P4-4
"""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.domain.instant import HOUR_MS, MINUTE_MS
from qts.domain.safety_code import SafetyCode, Scope, Severity
from qts.risk.safety_state import TRANSITIONS, AccountSafety, OperatingWord, SafetyEvent, SafetyState

T0 = 1_700_000_000_000
LATER = HOUR_MS + 1
NORMAL, WARNING, FAIL, LOCKDOWN = SafetyState

# A row is a state, a column an event, a cell the state after it.
TABLE = """
         | anomaly  fail-safe second-cause kill     quiet    resume   release
normal   | warning  fail      lockdown     lockdown normal   normal   normal
warning  | warning  fail      lockdown     lockdown normal   warning  warning
fail     | fail     fail      lockdown     lockdown fail     normal   normal
lockdown | lockdown lockdown  lockdown     lockdown lockdown lockdown normal
"""


def written() -> dict[tuple[str, str], str]:
    head, *rows = TABLE.strip("\n").splitlines()
    events = head.partition("|")[2].split()
    return {
        (row.partition("|")[0].strip(), event): cell
        for row in rows
        for event, cell in zip(events, row.partition("|")[2].split(), strict=True)
    }


EXPECTED = written()


@pytest.mark.parametrize(("state", "event"), list(product(SafetyState, SafetyEvent)), ids=lambda each: each.value)
def test_every_pair_goes_where_it_has_to(state: SafetyState, event: SafetyEvent):
    assert TRANSITIONS.get((state, event), state) == EXPECTED[state.value, event.value]


def test_nothing_but_a_person_and_quiet_lifts_anything():
    order = list(SafetyState)
    for (state, event), to in TRANSITIONS.items():
        lifts = order.index(to) < order.index(state)
        assert lifts == (event in {SafetyEvent.QUIET, SafetyEvent.RESUME, SafetyEvent.RELEASE})


# Minute, what happened, and the state after it. fail/lock codes carry their cause behind a slash.
STORIES = {
    "an anomaly warns, and fifteen quiet minutes end it": "0 AN050 warning; 14 quiet warning; 15 quiet normal",
    "an anomaly in a warning begins the quiet time anew": (
        "0 AN050 warning; 10 AN030 warning; 24 quiet warning; 25 quiet normal"
    ),
    "a failed execution is not quiet": "0 AN050 warning; 10 FS093 warning; 15 quiet warning; 25 quiet normal",
    "a guardrail changes nothing": "0 GR063 normal; 1 AN050 warning; 10 GR064 warning; 16 quiet normal",
    "an account's fail-safe fails, and quiet does not end it": "0 FS095/queue fail; 600 quiet fail",
    "an anomaly does not better a failure": "0 FS095/queue fail; 1 AN050 fail; 20 quiet fail",
    "the same cause again is the same trouble": "0 FS040/keys fail; 1 FS040/keys fail; 2 FS095/keys fail",
    "another cause within the hour locks down": "0 FS040/keys fail; 60 FS095/queue lockdown",
    "after the hour it does not": "0 FS040/keys fail; 61 FS095/queue fail",
    "the hour runs from the last time of a cause": "0 FS040/keys fail; 50 FS040/keys fail; 100 FS095/queue lockdown",
    "a resume does not make the first cause undone": "0 FS040/keys fail; 5 resume normal; 30 FS095/queue lockdown",
    "the same cause after a resume fails again": "0 FS040/keys fail; 5 resume normal; 30 FS040/keys fail",
    "from a warning straight to failure": "0 AN050 warning; 1 FS050/equity fail",
    "the kill switch locks down at once": "0 FS104/operator lockdown",
    "a lockdown wants a reason": "0 FS104/operator lockdown; 1 resume lockdown; 2 release normal",
    "a release forgets what led to the lockdown": (
        "0 FS040/keys fail; 1 FS095/queue lockdown; 2 release normal; 3 FS040/keys fail"
    ),
    "a failure may be resumed with a reason too": "0 FS040/keys fail; 1 release normal",
    "a person does not end a warning": "0 AN050 warning; 1 resume warning; 2 release warning; 15 quiet normal",
    "without a cause the code is the cause": "0 FS040/ fail; 1 FS040/ fail; 2 FS050/ lockdown",
    "execution and symbol scope leave the account alone": "0 FS090 normal; 1 FS070 normal; 2 FS094 normal",
}


def play(safety: AccountSafety, story: str) -> None:
    for step in story.split(";"):
        minute, what, expected = step.split()
        now = T0 + int(minute) * MINUTE_MS
        code, _, cause = what.partition("/")
        match code:
            case "quiet":
                safety.quiet(now)
            case "resume":
                safety.resumed("kim", "", now)
            case "release":
                safety.resumed("kim", "the feed is back", now)
            case _:
                safety.raised(SafetyCode(code), cause, now, subject="X", strategy_id=f"s{minute}")
        assert safety.state == expected, step


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_a_story_of_the_account(story: str):
    play(AccountSafety(), story)


def test_what_a_transition_or_its_own_escape_raises_never_counts():
    safety = AccountSafety()
    safety.raised(SafetyCode.FS040, "keys", T0)
    before = safety.facts()
    for code in SafetyCode:
        for scope in Scope:
            state = safety.raised(code, "other", T0 + 1, scope=scope, by_transition=True, subject="X", strategy_id="s")
            assert state is FAIL
    assert safety.facts() == before


def test_an_escape_for_loss_is_the_accounts_and_another_is_not():
    safety = AccountSafety()
    assert safety.raised(SafetyCode.FS092, "time-limit", T0, strategy_id="s") is NORMAL
    assert safety.raised(SafetyCode.FS092, "loss-limit", T0, scope=Scope.ACCOUNT, strategy_id="s") is FAIL


def test_increases_pass_in_normal_and_warning_only():
    safety = AccountSafety()
    assert safety.may_increase("X", "s")
    safety.raised(SafetyCode.AN050, "", T0)
    assert safety.may_increase("X", "s")
    safety.raised(SafetyCode.FS050, "equity", T0)
    assert not safety.may_increase("X", "s")
    assert safety.why_no_increase("X", "s") == "the account is in fail"
    safety.raised(SafetyCode.FS104, "operator", T0)
    assert safety.why_no_increase("X", "s") == "the account is in lockdown"


def test_three_failed_executions_of_one_strategy_within_the_hour_halt_that_strategy():
    safety = AccountSafety()
    for minute in (0, 30):
        safety.raised(SafetyCode.FS093, "", T0 + minute * MINUTE_MS, strategy_id="a")
        safety.raised(SafetyCode.FS090, "", T0 + minute * MINUTE_MS, strategy_id="b")
    assert safety.may_increase("X", "a")
    safety.raised(SafetyCode.FS094, "", T0 + HOUR_MS, strategy_id="a")
    safety.raised(SafetyCode.FS094, "", T0 + LATER, strategy_id="b")  # its first is more than an hour ago
    assert safety.halted_strategies == {"a": SafetyCode.FS094}
    assert not safety.may_increase("X", "a")
    assert safety.may_increase("X", "b")
    assert safety.state is NORMAL
    assert "'a' is halted (FS094)" in str(safety.why_no_increase("X", "a"))


def test_guardrails_and_anomalies_of_an_execution_do_not_halt_its_strategy():
    safety = AccountSafety()
    for code in (SafetyCode.GR060, SafetyCode.GR063, SafetyCode.AN050, SafetyCode.AN050):
        safety.raised(code, "", T0, strategy_id="a")
    assert safety.halted_strategies == {}


def test_a_resume_lifts_the_halt_and_counts_anew():
    safety = AccountSafety()
    for _ in range(3):
        safety.raised(SafetyCode.FS093, "", T0, strategy_id="a")
    assert safety.resumed("kim", "", T0 + 1) is None
    assert safety.may_increase("X", "a")
    for _ in range(2):
        safety.raised(SafetyCode.FS093, "", T0 + 2, strategy_id="a")
    assert safety.may_increase("X", "a")
    safety.raised(SafetyCode.FS093, "", T0 + 2, strategy_id="a")
    assert not safety.may_increase("X", "a")


def test_a_code_of_strategy_scope_halts_at_once():
    safety = AccountSafety()
    safety.raised(SafetyCode.FS040, "", T0, scope=Scope.STRATEGY, strategy_id="a")
    assert safety.halted_strategies == {"a": SafetyCode.FS040}
    assert safety.state is NORMAL


def test_a_symbol_is_quarantined_until_somebody_acknowledges_it():
    safety = AccountSafety()
    safety.raised(SafetyCode.FS070, "", T0, subject="X")
    assert not safety.may_increase("X", "s")
    assert safety.may_increase("Y", "s")
    assert safety.resumed("kim", "because", T0 + 1) is None  # the account's word is not the symbol's
    safety.quiet(T0 + HOUR_MS)
    assert not safety.may_increase("X", "s")
    assert safety.released("X", " ", T0 + 2) is not None
    assert not safety.may_increase("X", "s")
    assert safety.released("X", "kim", T0 + 2) is None
    assert safety.may_increase("X", "s")
    assert safety.released("Y", "kim", T0 + 2) is None  # never was: nothing to say


def test_nobody_resumes_without_a_name_nor_a_lockdown_without_a_reason():
    safety = AccountSafety()
    safety.raised(SafetyCode.FS040, "keys", T0)
    assert safety.resumed("  ", "because", T0) == "nobody may resume without a name"
    assert safety.state is FAIL
    safety.raised(SafetyCode.FS095, "queue", T0)
    for _ in range(3):
        safety.raised(SafetyCode.FS093, "", T0, strategy_id="a")
    assert safety.resumed("kim", "  ", T0) == "a lockdown is released only for a reason"
    assert safety.state is LOCKDOWN
    assert "a" in safety.halted_strategies


def test_the_other_words_for_it():
    words = {state: state.word for state in SafetyState}
    assert words == {
        NORMAL: OperatingWord.RUNNING,
        WARNING: OperatingWord.RUNNING,
        FAIL: OperatingWord.REDUCING,
        LOCKDOWN: OperatingWord.HALT,
    }
    safety = AccountSafety()
    safety.raised(SafetyCode.FS070, "", T0, subject="X")
    assert (safety.word("X"), safety.word("Y")) == (OperatingWord.QUARANTINE, OperatingWord.RUNNING)
    safety.raised(SafetyCode.FS040, "", T0)
    assert safety.word("X") is OperatingWord.REDUCING
    safety.raised(SafetyCode.FS104, "", T0)
    assert safety.word("X") is OperatingWord.HALT


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["raise", "raise", "raise", "quiet", "resume", "release", "acknowledge"]),
        st.sampled_from(SafetyCode),
        st.sampled_from(["", "a", "b"]),
        st.integers(0, 40),
        st.sampled_from([None, *Scope]),
        st.booleans(),
    ),
    max_size=25,
)


def fold(steps: list[tuple[str, SafetyCode, str, int, Scope | None, bool]]) -> AccountSafety:
    safety, now = AccountSafety(), T0
    for verb, code, cause, minutes, scope, own in steps:
        now += minutes * MINUTE_MS
        before = safety.state
        match verb:
            case "raise":
                after = safety.raised(code, cause, now, scope=scope, by_transition=own, subject="X", strategy_id=cause)
                assert list(SafetyState).index(after) >= list(SafetyState).index(before)  # a code never betters it
                account = (scope or Scope.EXECUTION) is Scope.ACCOUNT and code.severity is Severity.FAIL_SAFE
                if account and not own:
                    assert not safety.may_increase("Y", "z")
            case "quiet":
                safety.quiet(now)
                assert safety.state in {before, NORMAL}
                assert before in {NORMAL, WARNING} or safety.state is before
            case "resume":
                safety.resumed("kim", "", now)
                assert before is not LOCKDOWN or safety.state is LOCKDOWN
            case "release":
                safety.resumed("kim", "seen to", now)
                assert safety.state.may_increase
            case "acknowledge":
                safety.released("X", "kim", now)
                assert safety.state is before
    return safety


@given(STEPS)
def test_it_is_a_fold_the_same_record_gives_the_same_state(steps):
    """What a restart resumes by replay is what there was."""
    assert fold(steps).facts() == fold(steps).facts()


def test_everything_that_decides_is_in_the_facts():
    """Two accounts that will act differently differ in their facts."""
    base = AccountSafety().facts()
    seen = {repr(base)}
    for code, more in [
        (SafetyCode.AN050, {}),
        (SafetyCode.FS040, {}),
        (SafetyCode.FS070, {"subject": "X"}),
        (SafetyCode.FS093, {"strategy_id": "a"}),
    ]:
        safety = AccountSafety()
        safety.raised(code, "", T0, **more)
        seen.add(repr(safety.facts()))
    assert len(seen) == 5
