"""Whether the stops of what an account holds still come before liquidation, asked again whenever that may have changed.

At the close of every bar at which the net position, what stands behind it, its
farthest stop or the bracket table is another than at the last answer: after a
fill or a part of one, after funding, after a stop was moved, with a new table,
after another leverage. Where a stop no longer comes first the position may not
stay so (``risk/liquidation_guard.py``): every strategy on the net's side whose stop
is too far gives back what it holds, which is told by the limit's code.

It is asked under the limit ``stop-before-liquidation`` of the account, and where
there are brackets. A position without a stop is asked nothing here.
"""

from collections.abc import Callable
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO
from qts.domain.order import Side
from qts.risk.limit_policy import LimitPolicies
from qts.risk.limit_state import ACCOUNT
from qts.risk.limit_words import GateWord
from qts.risk.liquidation import Backing, MarginMode
from qts.risk.liquidation_guard import Buffer, LiquidationFirst, StopFacts, stop_before_liquidation
from qts.simulation.joint_symbol import JointSymbol

WHY = "its stop no longer comes before liquidation"


class StopGuard:
    """tell: hears of every position that is given back, and why."""

    def __init__(self, policies: LimitPolicies | None, leverage: int, tell: Callable[[GateWord], None]) -> None:
        self._buffer = ZERO if policies is None else policies.account.stop_buffer
        self._leverage = leverage
        self._tell = tell
        self._clear: dict[str, tuple[object, ...]] = {}  # by symbol, as it was when the stop came first

    def leaving(self, each: JointSymbol, now: Instant) -> list[str]:
        """Strategies that have to give back what they hold on the symbol."""
        book, brackets = each.venue.book, each.columns.brackets
        if not self._buffer or brackets is None or not book.position:
            return []
        side = Side.BUY if book.position > ZERO else Side.SELL
        stop = each.own_stop(ACCOUNT, side)
        if stop is None:
            return []
        table = brackets.at(now)
        asked = (book.position, book.basis, book.margin, stop, table)
        if self._clear.get(each.symbol) == asked:
            return []
        verdict = stop_before_liquidation(
            StopFacts(
                position=book.position,
                basis=book.basis,
                backing=Backing(mode=MarginMode.ISOLATED, wallet=book.margin),
                leverage=self._leverage,
                stop=stop,
                brackets=brackets,
                at=now,
                buffer=Buffer(gap=self._buffer),
            )
        )
        if not isinstance(verdict, LiquidationFirst):
            self._clear[each.symbol] = asked
            return []
        found = [name for name in each.strategy_ids if self._is_too_far(each.own_stop(name, side), verdict, side)]
        found = [name for name in found if each.books.books[name].position * side.sign > ZERO]
        for name in found:
            self._tell(GateWord.no(now, name, each.symbol, (verdict.code,), f"{WHY}: {verdict.sentence}"))
        return found

    @staticmethod
    def _is_too_far(stop: Decimal | None, verdict: LiquidationFirst, side: Side) -> bool:
        if stop is None:
            return False
        return verdict.nearest_stop is None or (stop - verdict.nearest_stop) * side.sign <= ZERO
