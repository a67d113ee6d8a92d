"""The UNKNOWN protocol: nothing is concluded before every proof is there, and a second order goes out by its bias.

Proves: P4-7, SX-3
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qts.execution.contracts import Role
from qts.execution.unknown import (
    Bias,
    Evidence,
    NotFound,
    ProvedAbsent,
    Quarantine,
    Query,
    Retry,
    Wait,
    due,
    opened,
    step,
)

SENT = 1_704_067_200_000


def case_of(bias=Bias.ENTRY, attempt=1, since=SENT):
    return opened("d1", bias, attempt, SENT, since)


def seen(at, *, in_open_list=False, unexplained_trade=False, position_agrees=True):
    return Evidence(
        as_of=SENT + at,
        in_open_list=in_open_list,
        unexplained_trade=unexplained_trade,
        position_agrees=position_agrees,
    )


def run(case, until, heard=()):
    """Let time pass from one due instant to the next; heard: (offset, news). Every action, with its offset."""
    news = sorted(heard, key=lambda each: each[0])
    actions = []
    while True:
        coming = min([due(case), *[SENT + at for at, _ in news[:1]]])
        if coming > SENT + until:
            return case, actions
        what = news.pop(0)[1] if news and SENT + news[0][0] <= coming else None
        case, action = step(case, what, coming)
        if not isinstance(action, Wait):
            actions.append((coming - SENT, action))
        if isinstance(action, ProvedAbsent):
            return case, actions


def kinds(actions, *wanted):
    return [(at, type(action).__name__) for at, action in actions if isinstance(action, wanted)]


# -- the table ---------------------------------------------------------------------------


def test_questions_are_asked_at_their_times_and_never_stop():
    _, actions = run(case_of(), 40_000)
    assert [at for at, _ in actions] == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 24_000, 32_000, 40_000]
    assert all(isinstance(action, Query) for _, action in actions)


def test_questions_that_were_missed_are_not_made_up_for():
    case, action = step(case_of(), None, SENT + 5_000)
    assert isinstance(action, Query)
    assert due(case) == SENT + 8_000


@pytest.mark.parametrize(
    ("bias", "attempt", "retries"),
    [
        (Bias.ENTRY, 1, []),
        (Bias.EXIT, 1, [3_000]),
        (Bias.PROTECTIVE, 1, [2_000]),
        (Bias.EXIT, 2, []),
        (Bias.PROTECTIVE, 2, []),
    ],
)
def test_a_second_order_without_proof_goes_out_by_its_bias_and_once(bias, attempt, retries):
    _, actions = run(case_of(bias, attempt), 120_000)
    assert [at for at, _ in kinds(actions, Retry)] == retries


def test_a_request_that_became_unknown_late_is_tried_again_at_once():
    _, action = step(case_of(Bias.EXIT, since=SENT + 9_000), None, SENT + 9_000)
    assert isinstance(action, Retry)


def test_quarantine_is_said_once_and_the_watch_goes_on():
    case, actions = run(case_of(), 200_000)
    assert kinds(actions, Quarantine) == [(60_000, "Quarantine")]
    assert due(case) == SENT + 208_000


THREE = [(at, NotFound(SENT + at)) for at in (600, 4_100, 8_100)]


def test_every_proof_together_is_proof():
    _, actions = run(case_of(), 60_000, [*THREE, (9_000, seen(9_000))])
    at, proved = actions[-1]
    assert at == 9_000
    assert proved == ProvedAbsent("d1", SENT, SENT + 9_000, (SENT + 600, SENT + 4_100, SENT + 8_100), may_retry=True)


def test_proofs_come_in_any_order():
    _, actions = run(case_of(), 60_000, [(5_500, seen(5_500)), *THREE])
    assert kinds(actions, ProvedAbsent) == [(8_100, "ProvedAbsent")]


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (THREE, "no snapshot"),
        ([(9_000, seen(9_000))], "nobody answered the queries"),
        ([*THREE[:1], (9_000, seen(9_000))], "not found once"),
        ([*THREE[:2], (9_000, seen(9_000))], "not found twice"),
        ([*[(at, NotFound(SENT + at)) for at in (600, 1_100, 2_100, 2_599)], (9_000, seen(9_000))], "close together"),
        ([*THREE, (5_000, seen(5_000))], "the snapshot is from before it could be known"),
        ([*THREE, (9_000, seen(4_999))], "an old snapshot that came late"),
        ([*THREE, (9_000, seen(9_000, in_open_list=True))], "it is open"),
        ([*THREE, (9_000, seen(9_000, unexplained_trade=True))], "a trade nobody explains"),
        ([*THREE, (9_000, seen(9_000, position_agrees=False))], "the position differs"),
        ([*THREE, (9_000, seen(9_000, in_open_list=None))], "the list is not known"),
        ([*THREE, (9_000, seen(9_000, unexplained_trade=None))], "the trades are not known"),
        ([*THREE, (9_000, seen(9_000, position_agrees=None))], "the position is not known"),
        ([(5_500, seen(5_500)), (5_600, seen(5_600, position_agrees=False)), *THREE], "the newest snapshot disagrees"),
    ],
)
def test_one_proof_less_is_none(heard, why):
    case, actions = run(case_of(), 59_000, heard)
    assert not kinds(actions, ProvedAbsent), why
    assert case.client_id == "d1"


def test_a_snapshot_is_wanted_when_only_it_is_missing():
    case, _ = run(case_of(), 9_000, THREE)
    assert case.wants_snapshot
    case, _ = run(case_of(), 9_000, THREE[:2])
    assert not case.wants_snapshot


@pytest.mark.parametrize(
    ("bias", "attempt", "may"), [(Bias.ENTRY, 1, True), (Bias.ENTRY, 2, False), (Bias.EXIT, 1, False)]
)
def test_a_slice_has_two_attempts(bias, attempt, may):
    """An exit was tried again before the proof came, so the proof allows no third."""
    _, actions = run(case_of(bias, attempt), 60_000, [*THREE, (9_000, seen(9_000))])
    assert actions[-1][1].may_retry is may


def test_the_bias_follows_from_the_role():
    assert [Bias.of(role).value for role in Role] == ["entry", "exit", "protective", "entry", "exit"]


# -- any story ----------------------------------------------------------------------------

news = st.one_of(
    st.none(),
    st.integers(0, 70_000).map(lambda at: NotFound(SENT + at)),
    st.builds(
        seen,
        st.integers(0, 70_000),
        in_open_list=st.sampled_from([False] * 3 + [True, None]),
        unexplained_trade=st.sampled_from([False] * 3 + [True, None]),
        position_agrees=st.sampled_from([True] * 3 + [False, None]),
    ),
)
stories = st.lists(st.tuples(st.integers(0, 4_000), news), max_size=60)


def proved(heard):
    """The rule read the other way: some three answers far enough apart, and the newest late snapshot says all."""
    counted = []
    for each in heard:
        if isinstance(each, NotFound) and (not counted or each.at - counted[-1] >= 2_000):
            counted.append(each.at)
    late = [each for each in heard if isinstance(each, Evidence) and each.as_of > SENT + 5_000]
    newest = [each for each in late if each.as_of == max(one.as_of for one in late)]
    return len(counted) >= 3 and bool(newest) and newest[-1].is_absence


@given(stories, st.sampled_from(Bias), st.integers(1, 2), st.integers(0, 5_000))
def test_no_story_makes_it_conclude_early_or_try_too_often(story, bias, attempt, late):
    case = case_of(bias, attempt, since=SENT + late)
    now, heard, actions = SENT + late, [], []
    for wait, what in story:
        now += wait
        heard.append(what)
        case, action = step(case, what, now)
        actions.append((now - SENT, action))
        assert isinstance(action, ProvedAbsent) == proved(heard)
        if isinstance(action, ProvedAbsent):
            break
        while due(case) <= now:
            case, action = step(case, None, now)
            actions.append((now - SENT, action))
            assert not isinstance(action, Wait), "due, and nothing to do"
        assert isinstance(step(case, None, now)[1], Wait)
    retries = kinds(actions, Retry)
    assert len(retries) + attempt <= 2
    assert not (bias is Bias.ENTRY and retries)
    assert all(at >= {Bias.EXIT: 3_000, Bias.PROTECTIVE: 2_000}[bias] for at, _ in retries)
    assert len(kinds(actions, Quarantine)) <= 1
    assert len(kinds(actions, Query)) <= 5 + (now - SENT) // 8_000
