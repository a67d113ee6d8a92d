"""What people and programs are told of a run of several strategies."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qts.adapters.stores.account_files import AccountRecord
from qts.research.account_tables import AccountTables
from qts.research.limit_tally import refused_before, tallies
from qts.simulation.slow_calls import SlowCall


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRan:
    """What came of an account file. digest: of the whole record, equal whenever the same is run again.

    slow_calls: the slowest calls of strategies, slowest first, of all that took too long (slow_count). They are what
    this machine did this time, and in neither record nor digest.
    """

    record: AccountRecord
    tables: AccountTables
    digest: str
    report: Path
    record_path: Path
    slow_calls: tuple[SlowCall, ...]
    slow_count: int

    def facts(self) -> dict[str, object]:
        """Everything but the lines of equity, as plain values for JSON; instants in ms UTC."""
        record, result = self.record, self.record.result
        return {
            "run_id": record.run_id,
            "name": record.plan.account,
            "rule": record.plan.rule.value,
            "world": record.world or None,
            "policy_version": record.policy_version or None,
            "synthetic": record.synthetic,
            "members": _plain(record.members),
            "data": _plain(record.data),
            **self.tables.facts(),
            "books": [
                {"strategy_id": whose, "symbol": symbol, "equity": sums.equity, **asdict(sums)}
                for (whose, symbol), sums in sorted(result.books.items())
            ],
            "pools": [
                {"world": key.world, "strategy_id": key.strategy, "state": pool.state, "total": pool.total}
                | {"available": pool.available, "invested": pool.invested, "reserved": pool.reserved}
                for key, pool in result.capital.pools.items()
            ],
            "transfers": _plain(result.transfers),
            "crossed": result.crossed,
            "halted": _plain(result.halted),
            "in_care": [{"strategy_id": whose, "symbol": symbol} for whose, symbol in result.in_care],
            "operator": [
                {**asdict(each.word), "said_at": each.said_at, "ended_at": each.ended_at}
                | {"outcome": each.outcome, "detail": each.detail}
                for each in result.operator
            ],
            "withheld": _plain(result.withheld),
            "gate": _plain(result.gate),
            "limits": [each.facts() for each in tallies(result.gate)],
            "refused_before_limits": refused_before(result.gate),
            "distances": [each.facts() for each in result.distances],
            "postings": [
                {"opened_at": int(result.opened_at[symbol][bar]), "symbol": symbol, **asdict(posting)}
                for symbol, postings in result.postings.items()
                for bar, posting in postings
            ],
            "assumptions": list(result.assumptions),
            "journal_head": result.journal_head,
            "slow_calls": {"count": self.slow_count, "slowest": _plain(self.slow_calls)},
            "digest": self.digest,
            "record": str(self.record_path),
            "report": str(self.report),
        }


def _plain(values: Iterable[Any]) -> list[dict[str, object]]:
    return [asdict(each) for each in values]
