"""The operator's script of an account file, checked against the account and its data before anything runs."""

from collections.abc import Callable, Mapping

from qts.domain.errors import PolicyError, did_you_mean
from qts.domain.instant import format_instant
from qts.market.dataset import Dataset
from qts.simulation.operator_words import Verb, Word
from qts.worlds.account_plan import AccountPlan
from qts.worlds.operator_block import WordBlock
from qts.worlds.policy_parsing import KeyPath


def words_of(plan: AccountPlan, datasets: Mapping[str, Dataset], place: Callable[[KeyPath], str]) -> tuple[Word, ...]:
    """Raises PolicyError for a word about nobody, outside the window, or of a quantity off the lot grid."""
    words = []
    for number, block in enumerate(plan.operator):
        path: KeyPath = ("operator", number)
        for key, name in block.names.items():
            _refuse_unknown(block, name, plan, datasets, place((*path, block.verb.value, *key)))
        word = block.word(number)
        of_it = [datasets[word.subject]] if block.is_of_a_symbol else list(datasets.values())
        _refuse_outside(word, of_it, place((*path, "at")))
        if word.quantity is not None and word.quantity % (lot := datasets[word.subject].instrument.lot):
            raise PolicyError(
                f"the quantity {word.quantity} is not a number of lots of {lot}",
                place=place((*path, Verb.FOREIGN_TRADE.value, "quantity")),
                next_step=f"write a multiple of {lot}",
            )
        words.append(word)
    return tuple(words)


def _refuse_unknown(
    block: WordBlock, name: str, plan: AccountPlan, datasets: Mapping[str, Dataset], where: str
) -> None:
    ids = [each.id for each in plan.strategies]
    if block.is_of_a_strategy and name not in ids:
        what, known = "strategy", ids
    elif block.is_of_a_symbol and name not in datasets:
        what, known = "symbol", sorted(datasets)
    else:
        return
    raise PolicyError(
        f"{block.verb.value}: the account has no {what} {name!r}.{did_you_mean(name, known)}",
        place=where,
        next_step=f"it has {', '.join(known)}",
    )


def _refuse_outside(word: Word, datasets: list[Dataset], where: str) -> None:
    """A word that would come before the first bar or after the last could only seem to have been said."""
    start, end = min(each.start for each in datasets), max(each.end for each in datasets)
    if not start <= word.at < end:
        raise PolicyError(
            f"{word.verb.value} at {format_instant(word.at)} is not in the window, "
            f"which goes from {format_instant(start)} to {format_instant(end)}",
            place=where,
            next_step="write an instant from the first on and before the second",
        )
