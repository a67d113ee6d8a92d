"""Capital that an operator transfers from one strategy to another while an account runs.

It moves everything that counts as a strategy's: its pool and its wallet, what it
sees as its own, and, in proportion, the bases its limits measure losses from. The
account's sums are what they were, and so are the ledgers by symbol: a transfer is
on none of them. It is neither a profit nor a loss.

Only what is available may go, neither invested nor reserved; and both strategies
must be worth something, after it too: of nothing no loss is a share, and no return.
"""

from collections.abc import Mapping
from decimal import Decimal

from qts.domain.instant import Instant
from qts.domain.money import ZERO, plain
from qts.simulation.joint_desk import JointDesk
from qts.simulation.joint_money import JointMoney, even_shares
from qts.simulation.joint_result import Transferred
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import Member


class Transfers:
    """made: every transfer so far, in order."""

    def __init__(
        self, members: Mapping[str, Member], symbols: Mapping[str, JointSymbol], money: JointMoney, desk: JointDesk
    ) -> None:
        self.made: list[Transferred] = []
        self._members = members
        self._symbols = symbols
        self._money = money
        self._desk = desk

    def make(self, source: str, target: str, amount: Decimal, now: Instant) -> str | None:
        """Transfer so much, quote, above 0, at a bar's close; or why not, both numbers in words."""
        self._desk.release_ended()
        no = self._money.transfer_objection(source, target, amount)
        if no is not None:
            return no
        source_worth, target_worth = self._worth(source), self._worth(target)
        if not source_worth > amount:
            return f"{plain(amount)} is wanted, {source} is worth {plain(source_worth)}: something of it must stay"
        if not target_worth > ZERO:
            return f"{plain(amount)} is wanted for {target}, which is worth {plain(target_worth)}: all of it is lost"
        self._desk.limits.mark(now)
        self._money.transfer(source, target, amount)
        for strategy_id, moved in ((source, -amount), (target, amount)):
            self._desk.limits.move_capital(strategy_id, moved, now)
            for symbol, share in even_shares(amount, self._members[strategy_id].symbols).items():
                self._symbols[symbol].show_moved(strategy_id, share if moved > ZERO else -share)
        self.made.append(
            Transferred(
                at=now,
                source=source,
                target=target,
                amount=amount,
                source_worth=source_worth,
                target_worth=target_worth,
            )
        )
        return None

    def pool_of(self, strategy_id: str) -> Decimal:
        """All that the strategy's pool holds, quote."""
        return self._money.pool(strategy_id).total

    def _worth(self, strategy_id: str) -> Decimal:
        """Wallet and open positions at the last marks, quote."""
        worth = self._money.purses[strategy_id].wallet
        for symbol in self._members[strategy_id].symbols:
            each = self._symbols[symbol]
            if each.marked_at is not None:
                worth += each.books.books[strategy_id].unrealized(each.marked_at)
        return worth
