"""The page of several strategies: drawn from its record alone, in a real browser, and no text becomes markup."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.reports.account_page import render_account_page
from qts.adapters.stores.account_files import AccountRecord, DataFacts, MemberFacts, read_account, write_account
from qts.domain.waiver import Waiver
from qts.market.view import View
from qts.research.account_leakage import account_checks
from qts.research.account_tables import account_tables
from qts.research.leakage import LeakCheck
from qts.risk.capital import folded
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.joint_terms import JointTerms, Member
from qts.strategy.catalogue.donchian_breakout import DonchianBreakout
from qts.strategy.catalogue.moving_average_cross import MovingAverageCross
from qts.strategy.intent import Answer, buy
from qts.strategy.strategy import Strategy
from qts.worlds.account_plan import AccountPlan
from tests.reports.test_run_page import HOSTILE, Page
from tests.reports.test_run_page_browser import CHROMIUM, opened
from tests.research.leaking import whole
from tests.simulation.joint_members import ALL, CAPITAL, synthetic, together


class Hostile(Strategy):
    def on_bar(self, view: View) -> Answer:
        raise RuntimeError(HOSTILE)


class HostilePeeker(Strategy):
    """Knows the next close, and says so."""

    def on_bar(self, view: View) -> Answer:
        column = whole(view.closes(1))
        return buy(weight=0.1, reason=HOSTILE) if column[min(view.bar_number + 1, 399)] > view.close else None


@pytest.fixture(scope="module")
def record() -> AccountRecord:
    dataset = synthetic(5, 400)
    kinds = {"breakout": DonchianBreakout, "hostile": Hostile, "peeks": HostilePeeker, "trend": MovingAverageCross}
    result = together(dataset, *kinds.items(), terms=JointTerms(waivers=ALL, policies=LimitPolicies()))
    symbol = dataset.instrument.symbol
    seats = [Member(strategy_id=name, make=kind, symbols=(symbol,), capital=CAPITAL) for name, kind in kinds.items()]
    members = [{"id": name, "strategy": "X", "symbols": [symbol], "capital": "30000"} for name in kinds]
    plan = AccountPlan.model_validate_json(f'{{"account": "a", "strategies": {members}}}'.replace("'", '"'))
    return AccountRecord(
        run_id="account-0123456789abcdef",
        plan=plan,
        world="",
        policy_version=0,
        interval_ms=dataset.bars.interval_ms,
        frictions={},
        sizing={},
        members=tuple(
            MemberFacts(strategy_id=name, name=kind.__name__, code_digest="", parameters={})
            for name, kind in kinds.items()
        ),
        data=(
            DataFacts(
                symbol=symbol,
                fingerprint=dataset.fingerprint,
                source=HOSTILE,
                synthetic=True,
                rows=len(dataset.bars),
                start=dataset.start,
                end=dataset.end,
                waivers=(Waiver.NO_FUNDING,),
            ),
        ),
        result=result,
        checks=account_checks({symbol: dataset}, seats, result),
    )


def test_a_record_read_back_is_what_was_written_and_draws_the_same_page(record: AccountRecord, tmp_path: Path) -> None:
    path = tmp_path / "account-0123456789abcdef.json.gz"
    digest = write_account(path, record)
    read = read_account(path)
    assert replace(read, result=record.result) == record
    assert [each.strategy_id for each in read.leaks] == ["peeks"]
    assert account_tables(read.result) == account_tables(record.result)
    for name in (
        "books",
        "venue",
        "postings",
        "gate",
        "withheld",
        "halted",
        "distances",
        "fills",
        "assumptions",
        "changes",
    ):
        assert getattr(read.result, name) == getattr(record.result, name), name
    assert read.result.capital == record.result.capital == folded(each for _, each in read.result.changes)
    np.testing.assert_array_equal(read.result.equity, record.result.equity)
    assert render_account_page(read, digest) == render_account_page(record, digest)
    assert write_account(path, read) == digest


def test_what_a_strategy_says_is_text_on_the_page(record: AccountRecord) -> None:
    page = Page(render_account_page(record, "0" * 64))
    assert HOSTILE in page.text
    assert len(page.scripts) == 3
    assert not any(attributes.get("onerror") for _, attributes in page.elements)
    assert all(not str(value).startswith("http") for _, a in page.elements for value in a.values())


def test_who_leaks_stands_on_the_page_first_and_who_does_not_is_named_too(record: AccountRecord) -> None:
    """Proves: BX-4"""
    text = Page(render_account_page(record, "0" * 64)).text
    leak, *others = sorted(record.checks, key=lambda each: each.check is not LeakCheck.LEAK)
    assert text.index(leak.sentence()) < text.index("Return of the account")
    assert f"reason {HOSTILE}" in leak.sentence()
    assert [each.strategy_id for each in others] == ["breakout", "hostile", "trend"]
    assert all(f"{each.sentence()}; asked {each.asked:,} times" in text for each in others)
    clean = replace(record, checks=tuple(others))
    assert "Its figures here are those without" not in Page(render_account_page(clean, "0" * 64)).text


def test_the_curves_are_those_of_the_numbers_beside_them(record: AccountRecord) -> None:
    """The account's equity and drawdown are the account's, and each line is its strategy's own return.

    Proves: QL-12
    """
    drawn = json.loads(Page(render_account_page(record, "0" * 64)).scripts[0])
    result, tables = record.result, account_tables(record.result)
    assert drawn["equity"]["value"][0] == drawn["capital"] == float(tables.account.capital)
    assert drawn["equity"]["value"][-1] == pytest.approx(result.equity[-1], rel=1e-6)
    assert max(drawn["equity"]["value"]) == pytest.approx(max(result.equity.max(), drawn["capital"]), rel=1e-6)
    assert -min(drawn["fall"]["value"]) == pytest.approx(tables.account.max_drawdown, rel=1e-6)
    ends = {each["name"]: each["value"][-1] for each in drawn["lines"]}
    rows = {row.name: row.total_return for row in tables.strategies}
    assert ends.keys() == {"breakout", "hostile", "peeks", "trend"}
    assert all(end == pytest.approx(rows[name], rel=1e-5, abs=1e-9) for name, end in ends.items())


@pytest.mark.skipif(CHROMIUM == "", reason="no chromium on this machine")
def test_the_page_draws_in_a_browser_and_asks_for_nothing(record: AccountRecord, tmp_path: Path) -> None:
    """Proves: QL-12"""
    path = tmp_path / "account.html"
    path.write_text(render_account_page(record, "0" * 64))
    dom, console, asked = opened(path, tmp_path)
    assert (console, asked) == ([], [])
    assert any(a.get("data-drawn") == "yes" for _, a in dom.elements)
    assert dom.title == "Account a: 4 strategies"
    assert len(dom.having(class_="js-plotly-plot")) == 2
