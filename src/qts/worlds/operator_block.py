"""What an account file has the operator say while the account runs: one word an entry, each at its instant."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from qts.domain.instant import parse_instant
from qts.domain.money import MONEY_GRID
from qts.domain.order import Side
from qts.risk.limit_state import ACCOUNT
from qts.simulation.operator_words import Verb, Word
from qts.worlds.policy_block import DateText, Exact, Name, PolicyBlock

Person: TypeAlias = Annotated[str, Field(min_length=1, max_length=64, pattern=r"\S")]
Reason: TypeAlias = Annotated[str, Field(max_length=500)]
Account: TypeAlias = Literal["account"]
MONEY_PLACES: Final = -int(MONEY_GRID.log10())
VERBS: Final = tuple(each.value for each in Verb)


class ForeignTradeBlock(PolicyBlock):
    """A trade at market by somebody else who uses the account."""

    symbol: Name
    """What was traded."""
    side: Side
    """`buy` or `sell`."""
    quantity: Annotated[Exact, Field(gt=0, le=10**12)]
    """Base units, on the lot grid."""


class TransferBlock(PolicyBlock):
    """Capital that goes from one strategy's pool to another's."""

    source: Annotated[Name, Field(alias="from")]
    """The strategy that gives it."""
    target: Annotated[Name, Field(alias="to")]
    """The strategy that gets it."""
    amount: Annotated[Exact, Field(gt=0, ge=MONEY_GRID, decimal_places=MONEY_PLACES, le=10**12)]
    """Quote."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "TransferBlock":
        if self.source == self.target:
            raise ValueError(f"a transfer from {self.source} to itself")
        return self


class WordBlock(PolicyBlock):
    """One word of the operator's script: when, who, exactly one of the words, and why."""

    at: DateText
    """When it is said: at the first bar close from then on."""
    who: Person | None = None
    """Who says it. Only a foreign trade is nobody's word."""
    why: Reason = ""
    """The reason; releasing a lockdown needs one."""
    disable: Name | None = None
    """The strategy is asked no more; what it holds keeps its stop and target."""
    enable: Name | None = None
    """The strategy, disabled or halted, is asked again, as a new instance."""
    close: Name | None = None
    """What a strategy that is asked no more still holds is given back at market."""
    flatten: Name | None = None
    """The symbol's net is taken to zero, and every book of it closed at that price."""
    flatten_quarantine: Name | None = None
    """What no strategy asked for on the symbol is given back at market."""
    acknowledge: Name | None = None
    """The symbol, which somebody else traded, may be traded again."""
    pause: Account | None = None
    """Nothing is opened until it is resumed."""
    resume: Account | None = None
    """The account trades again."""
    kill: Account | None = None
    """Every symbol is flattened and the account locked down."""
    transfer: TransferBlock | None = None
    """Capital that one strategy has available goes to another."""
    foreign_trade: ForeignTradeBlock | None = None
    """Somebody else trades a symbol on the account, at the next open."""

    @model_validator(mode="after")
    def _is_one_word(self) -> "WordBlock":
        said = [each for each in VERBS if getattr(self, each) is not None]
        if len(said) != 1:
            given = " and ".join(said) if said else "none"
            raise ValueError(f"an entry says exactly one of {', '.join(VERBS)}, and this one says {given}")
        if self.verb is Verb.FOREIGN_TRADE:
            if self.who is not None:
                raise ValueError("a foreign trade is nobody's word: leave who out")
        elif self.who is None:
            raise ValueError(f"{said[0]} needs the name of who says it: write who: NAME")
        return self

    @property
    def verb(self) -> Verb:
        return next(each for each in Verb if getattr(self, each.value) is not None)

    @property
    def subject(self) -> str:
        """The strategy, the symbol, or 'account'; of a transfer, the strategy that gives."""
        match getattr(self, self.verb.value):
            case ForeignTradeBlock(symbol=symbol):
                return symbol
            case TransferBlock(source=source):
                return source
            case said:
                return str(said)

    @property
    def names(self) -> dict[tuple[str, ...], str]:
        """Every strategy or symbol that is named, by the key below the word's own that it stands at."""
        if self.transfer is None:
            return {(): self.subject}
        return {("from",): self.transfer.source, ("to",): self.transfer.target}

    @property
    def is_of_a_strategy(self) -> bool:
        return self.verb in (Verb.DISABLE, Verb.ENABLE, Verb.CLOSE, Verb.TRANSFER)

    @property
    def is_of_a_symbol(self) -> bool:
        return not self.is_of_a_strategy and self.subject != ACCOUNT

    def word(self, number: int) -> Word:
        """number: its place in the script, from 0."""
        trade, transfer = self.foreign_trade, self.transfer
        return Word(
            at=parse_instant(self.at),
            number=number,
            verb=self.verb,
            subject=self.subject,
            who=self.who or "",
            why=self.why,
            side=None if trade is None else trade.side,
            quantity=None if trade is None else trade.quantity,
            target="" if transfer is None else transfer.target,
            amount=None if transfer is None else transfer.amount,
        )
