"""The page of several strategies: drawn from its record alone, in a real browser, and no text becomes markup."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qts.adapters.reports.account_page import render_account_page
from qts.adapters.stores.account_files import AccountRecord, DataFacts, MemberFacts, read_account, write_account
from qts.domain.waiver import Waiver
from qts.market.view import View
from qts.research.account_tables import account_tables
from qts.risk.capital import folded
from qts.risk.limit_policy import LimitPolicies
from qts.simulation.joint_terms import JointTerms
from qts.strategy.catalogue.donchian_breakout import DonchianBreakout
from qts.strategy.catalogue.moving_average_cross import MovingAverageCross
from qts.strategy.intent import Answer
from qts.strategy.strategy import Strategy
from qts.worlds.account_plan import AccountPlan
from tests.reports.test_run_page import HOSTILE, Page
from tests.reports.test_run_page_browser import CHROMIUM, opened
from tests.simulation.joint_members import ALL, synthetic, together


class Hostile(Strategy):
    def on_bar(self, view: View) -> Answer:
        raise RuntimeError(HOSTILE)


@pytest.fixture(scope="module")
def record() -> AccountRecord:
    dataset = synthetic(5, 400)
    kinds = {"breakout": DonchianBreakout, "hostile": Hostile, "trend": MovingAverageCross}
    result = together(dataset, *kinds.items(), terms=JointTerms(waivers=ALL, policies=LimitPolicies()))
    symbol = dataset.instrument.symbol
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
    )


def test_a_record_read_back_is_what_was_written_and_draws_the_same_page(record: AccountRecord, tmp_path: Path) -> None:
    path = tmp_path / "account-0123456789abcdef.json.gz"
    digest = write_account(path, record)
    read = read_account(path)
    assert replace(read, result=record.result) == record
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


@pytest.mark.skipif(CHROMIUM == "", reason="no chromium on this machine")
def test_the_page_draws_in_a_browser_and_asks_for_nothing(record: AccountRecord, tmp_path: Path) -> None:
    """Proves: QL-12"""
    path = tmp_path / "account.html"
    path.write_text(render_account_page(record, "0" * 64))
    dom, console, asked = opened(path, tmp_path)
    assert (console, asked) == ([], [])
    assert any(a.get("data-drawn") == "yes" for _, a in dom.elements)
    assert dom.title == "Account a: 3 strategies"
    assert len(dom.having(class_="js-plotly-plot")) == 2
