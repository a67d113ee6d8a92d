"""What people and programs are told of what a run's limits did."""

from dataclasses import dataclass

from qts.research.account_tables import AccountRow, AccountTables
from qts.research.limit_tally import LimitTally
from qts.risk.limits import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What the limits of a run did. given: the run as it was; without: the same run without the staged limits."""

    run_id: str
    limits: tuple[LimitTally, ...]
    refused_before: dict[str, int]
    given: AccountTables
    without: AccountTables

    @property
    def sides(self) -> tuple[tuple[AccountRow, AccountRow], ...]:
        """Each strategy and, last, the account: with the limits and without them. Of one strategy, only the account."""
        others = {row.name: row for row in self.without.strategies}
        rows = [(row, others[row.name]) for row in self.given.strategies if row.name in others]
        account = (self.given.account, self.without.account)
        return (*rows, account) if len(rows) > 1 else (account,)

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "run_id": self.run_id,
            "limits": [each.facts() for each in self.limits],
            "refused_before_limits": dict(self.refused_before),
            "with_limits": self.given.facts(),
            "without_limits": self.without.facts(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStatus:
    """How far every book was from every limit when the run ended; the strategies' books first, the account's last.

    distances: empty where the gate alone judged.
    """

    run_id: str
    ended_at: str
    distances: tuple[Measured, ...]

    @property
    def books(self) -> dict[str, list[Measured]]:
        found: dict[str, list[Measured]] = {}
        for each in self.distances:
            found.setdefault(each.whose, []).append(each)
        return found

    def facts(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "run_id": self.run_id,
            "ended_at": self.ended_at,
            "distances": [each.facts() for each in self.distances],
        }
