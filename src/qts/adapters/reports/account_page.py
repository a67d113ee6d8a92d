"""A run of several strategies as one HTML file: what each came to, that the parts add up, and what was not let out.

A function of the record and of nothing else. Long lists are shown from their
beginning, with their true length; the record has them whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qts.adapters.reports import page_shell, wording
from qts.adapters.reports.thinning import thin
from qts.adapters.stores.account_files import AccountRecord
from qts.domain.ids import canonical_json
from qts.domain.instant import format_date, format_duration, format_instant
from qts.domain.money import plain
from qts.domain.virtual_books import PostingKind
from qts.market.bars import Floats, Instants
from qts.research.account_tables import TRANSFERS_TOLD, AccountRow, AccountTables, account_tables
from qts.research.drawdown import drawdowns
from qts.research.limit_tally import refused_before, tallies
from qts.research.own_return import growth_of

WITHHELD_SHOWN = 200
CROSSES_SHOWN = 200
LINES_DRAWN = 12
POINTS_OF_A_LINE = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossLine:
    """Two strategies matched inside, as the page shows it."""

    at: str
    symbol: str
    buyer: str
    seller: str
    quantity: str
    price: str


def render_account_page(record: AccountRecord, digest: str) -> str:
    """The page's text. digest: of the record."""
    result, tables = record.result, account_tables(record.result)
    crosses = _crosses(record)
    return page_shell.render(
        "account_page.html.j2",
        scripts=[page_shell.plotly_script(), page_shell.resource("account_page.js")],
        data=_chart_data(record),
        record=record,
        result=result,
        tables=tables,
        transfers_told=TRANSFERS_TOLD,
        tiles=_tiles(tables, record),
        interval=format_duration(record.interval_ms),
        first_day=format_date(min(each.start for each in record.data)),
        last_day=format_date(max(each.end for each in record.data)),
        crosses=crosses[:CROSSES_SHOWN],
        withheld=result.withheld[:WITHHELD_SHOWN],
        withheld_why=_counted([each.reason for each in result.withheld]),
        limits=tallies(result.gate),
        refused=refused_before(result.gate),
        distances=result.distances,
        run_id=record.run_id,
        lines=_lines(record, digest),
        drawn=len(_drawn(record)),
        cells=row_cells,
        wording=wording,
        plain=plain,
        instant=format_instant,
    )


def _tiles(tables: AccountTables, record: AccountRecord) -> list[tuple[str, str, str, str]]:
    """Title, value, note and tone of each headline number."""
    account, result = tables.account, record.result
    gained = account.total_return
    lasted = f"{len(result.closed_at):,} closes"
    return [
        (
            "Return of the account",
            wording.UNDEFINED if gained is None else wording.signed_percent(gained),
            f"{wording.money(account.capital, '')} to {wording.money(account.equity, '')}",
            "" if gained is None else "gain" if gained >= 0 else "loss",
        ),
        (
            "Max drawdown",
            wording.UNDEFINED if account.max_drawdown is None else wording.percent(account.max_drawdown),
            f"at bar closes, {lasted}",
            "",
        ),
        ("Fees", wording.money(account.fees, ""), f"{account.fills:,} fills of the venue", ""),
        ("Crossed inside", f"{result.crossed:,}", "matches of two strategies, free of fees", ""),
    ]


def _chart_data(record: AccountRecord) -> dict[str, object]:
    result = record.result
    capital = float(result.account.capital)
    instants, points = _from_start(result.closed_at, result.equity, capital, record.interval_ms)
    lines = []
    for name in _drawn(record):
        own = growth_of(result, name).points
        lines.append({"name": name, **thin(instants, own / own[0] - 1.0, POINTS_OF_A_LINE).facts()})
    return {
        "capital": capital,
        "equity": thin(instants, points).facts(),
        "fall": thin(instants, -drawdowns(np.maximum(points, 0.0))).facts(),
        "lines": lines,
    }


def _drawn(record: AccountRecord) -> list[str]:
    """Whose return has a line: who has capital, as quarantine has none."""
    result = record.result
    return [name for name in sorted(result.by_strategy) if result.of_strategy(name).capital][:LINES_DRAWN]


def _from_start(closed_at: Instants, line: Floats, capital: float, interval_ms: int) -> tuple[Instants, Floats]:
    first = np.array([closed_at[0] - interval_ms], dtype=np.int64)
    return np.concatenate((first, closed_at)), np.concatenate(([capital], line))


def _crosses(record: AccountRecord) -> list[CrossLine]:
    """Every cross; its two postings follow each other."""
    found = []
    for symbol, postings in record.result.postings.items():
        sides = [(row, each) for row, each in postings if each.kind is PostingKind.CROSS]
        for (row, one), (_, other) in zip(sides[::2], sides[1::2], strict=True):
            buyer, seller = (one, other) if one.quantity > 0 else (other, one)
            found.append(
                CrossLine(
                    at=format_instant(int(record.result.opened_at[symbol][row])),
                    symbol=symbol,
                    buyer=buyer.strategy_id,
                    seller=seller.strategy_id,
                    quantity=plain(buyer.quantity),
                    price=plain(buyer.price),
                )
            )
    return found


def _counted(reasons: Sequence[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _lines(record: AccountRecord, digest: str) -> list[tuple[str, str]]:
    """Label and text of everything needed to find the result again."""
    result = record.result
    lines = [
        ("Run", record.run_id),
        ("Record digest", digest),
        ("Journal head", result.journal_head),
        ("World", f"{record.world}, policy version {record.policy_version}" if record.world else "none"),
        ("Arbitration", record.plan.rule.value),
    ]
    lines += [
        (
            f"Strategy {each.strategy_id}",
            f"{each.name} {canonical_json(each.parameters)}, code {each.code_digest or 'unknown'}",
        )
        for each in record.members
    ]
    lines += [(f"Data {each.symbol}", f"{each.source}; fingerprint {each.fingerprint}") for each in record.data]
    lines += [
        ("Frictions", canonical_json(record.frictions)),
        ("Sizing and gate", canonical_json(record.sizing)),
        ("Limits of the account", canonical_json(record.plan.policies().account.facts())),
    ]
    lines += [
        (f"Limits of {each.id}", canonical_json(each.limits.changes))
        for each in record.plan.strategies
        if each.limits.changes
    ]
    return lines


def row_cells(row: AccountRow) -> list[tuple[str, str]]:
    """A table's cells and their tone."""
    gained = row.total_return
    return [
        (wording.money(row.capital, ""), ""),
        (wording.money(row.equity, ""), ""),
        ("" if gained is None else wording.signed_percent(gained), "" if gained is None else _tone(gained)),
        ("" if row.max_drawdown is None else wording.percent(row.max_drawdown), ""),
        (wording.money(row.fees, ""), ""),
        (wording.money(row.funding, ""), ""),
        (wording.money(row.liquidation_fees, ""), ""),
        (f"{row.fills:,}", ""),
    ]


def _tone(number: float) -> str:
    return "gain" if number >= 0 else "loss"
