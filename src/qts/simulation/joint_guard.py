"""In a run of several strategies: who gives back what it holds, since a stop no longer comes before liquidation.

The account's stop on a symbol is the farthest of those of the strategies on the
net's side (``stop_recheck.py``). Where that no longer comes first, every strategy
on the net's side whose own stop is too far gives back what it holds.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.liquidation_guard import LiquidationFirst
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.stop_recheck import StopRecheck, given_back


class StopGuard:
    """tell: hears of every position that is given back, and why."""

    def __init__(
        self, symbols: Mapping[str, JointSymbol], policies: LimitPolicies | None, tell: Callable[[GateWord], None]
    ) -> None:
        self._tell = tell
        self._rechecks = {symbol: StopRecheck(policies, each.columns.brackets) for symbol, each in symbols.items()}

    def leaving(self, each: JointSymbol, now: Instant) -> list[str]:
        """Strategies that have to give back what they hold on the symbol."""
        book, recheck = each.venue.book, self._rechecks[each.symbol]
        if not recheck.is_asked or not book.position:
            return []
        side = Side.BUY if book.position > ZERO else Side.SELL
        verdict = recheck.objection(book, each.own_stop(ACCOUNT, side), now)
        if verdict is None:
            return []
        found = [name for name in each.strategy_ids if self._is_too_far(each.own_stop(name, side), verdict, side)]
        found = [name for name in found if each.books.books[name].position * side.sign > ZERO]
        for name in found:
            self._tell(given_back(now, name, each.symbol, verdict))
        return found

    @staticmethod
    def _is_too_far(stop: Decimal | None, verdict: LiquidationFirst, side: Side) -> bool:
        if stop is None:
            return False
        return verdict.nearest_stop is None or (stop - verdict.nearest_stop) * side.sign <= ZERO
