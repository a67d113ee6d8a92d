"""The guardian: who looks after what nobody is asked about any more.

The position of a halted or disabled strategy stays in its own book, under its
own stop and target, and its capital is paused: nothing more is opened with it
until it is asked again. It is given back at market when the terms say so of halted
ones, or when an operator does; what its orders still bring after that, too. What
is in quarantine is given back once, on a word.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from qts.domain.virtual_books import QUARANTINE
from qts.simulation.joint_money import JointMoney
from qts.simulation.joint_symbol import JointSymbol
from qts.simulation.joint_terms import OnHalt
from qts.strategy.registry import Key, StrategyRegistry

HALTED: Final = "the guardian closes what a halted strategy left"
TOLD_TO: Final = "the operator has the guardian close it"
NOBODYS: Final = "the operator gives back what no strategy asked for"


class Guardian:
    """leaving: the books being closed, with the reason, by strategy (or quarantine) and symbol."""

    def __init__(
        self, symbols: Mapping[str, JointSymbol], registry: StrategyRegistry, money: JointMoney, on_halt: OnHalt
    ) -> None:
        self._symbols = symbols
        self._money = money
        self._registry = registry
        self._on_halt = on_halt
        self._leaving: dict[Key, str] = {}

    def halted(self, strategy_id: str) -> None:
        self.takes(strategy_id, "it was halted")
        if self._on_halt is OnHalt.CLOSE:
            self._close(strategy_id, HALTED)

    def takes(self, strategy_id: str, why: str) -> None:
        """The strategy is asked no more; its position is the guardian's care."""
        self._money.suspend(strategy_id, "the guardian", why)
        for symbol in self._registry.symbols(strategy_id):
            self._symbols[symbol].books.entrust(strategy_id)

    def returns(self, strategy_id: str) -> None:
        """The strategy is asked again, and what it holds is its own business."""
        self._money.resume(strategy_id, "the guardian", "it is asked again")
        for symbol in self._registry.symbols(strategy_id):
            self._symbols[symbol].books.take_back(strategy_id)
            self._leaving.pop((strategy_id, symbol), None)

    def closes(self, strategy_id: str) -> None:
        """Give back all that a strategy in care holds, until it is asked again."""
        self._close(strategy_id, TOLD_TO)

    def clears(self, symbol: str) -> None:
        """Give back what is in quarantine on the symbol, until it is empty."""
        self._leaving[QUARANTINE, symbol] = NOBODYS

    @property
    def in_care(self) -> tuple[tuple[str, str], ...]:
        """Strategy and symbol of each position it looks after."""
        found = [(whose, symbol) for symbol, each in self._symbols.items() for whose in each.books.in_care]
        return tuple(sorted(found))

    def _close(self, strategy_id: str, why: str) -> None:
        for symbol in self._registry.symbols(strategy_id):
            self._leaving[strategy_id, symbol] = why

    def leaving(self, present: Sequence[JointSymbol]) -> list[tuple[JointSymbol, str, str]]:
        """Symbol, book and reason of what is to be given back now."""
        if not self._leaving:
            return []
        found = []
        for each in present:
            for strategy_id, symbol in sorted(self._leaving):
                if symbol != each.symbol:
                    continue
                if each.books.books[strategy_id].position:
                    found.append((each, strategy_id, self._leaving[strategy_id, symbol]))
                elif strategy_id == QUARANTINE:
                    del self._leaving[strategy_id, symbol]
        return found
