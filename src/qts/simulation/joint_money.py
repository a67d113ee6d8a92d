"""The money of an account that several strategies share: one wallet for the account, and one for each strategy.

At the venue all symbols use one wallet (``account``); inside, all of a strategy's
books use the strategy's own, so that what it does not use on one symbol it may
use on another, and never what is somebody else's. Its ledgers begin with even
shares of its capital, which add up to it exactly; the share only says where a
table by symbol begins.
"""

from collections.abc import Mapping
from decimal import Decimal

from qts.domain.allocation import pro_rata
from qts.domain.money import MONEY_GRID, on_money_grid
from qts.domain.purse import Purse
from qts.domain.virtual_books import QUARANTINE
from qts.simulation.joint_terms import Member


class JointMoney:
    """account: the wallet at the venue. purses: by strategy id, with one for what nobody here asked for."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.account = Purse()
        self.purses = {each: Purse() for each in (*members, QUARANTINE)}
        self._shares = {each.strategy_id: _even_shares(each) for each in members.values()}

    def capitals_on(self, symbol: str) -> dict[str, Decimal]:
        """With how much the ledgers of the symbol begin, quote, by strategy id."""
        return {each: shares[symbol] for each, shares in self._shares.items() if symbol in shares}


def _even_shares(member: Member) -> dict[str, Decimal]:
    even = [Decimal(1)] * len(member.symbols)
    return dict(zip(member.symbols, pro_rata(on_money_grid(member.capital), even, MONEY_GRID), strict=True))
