"""A run of several strategies as one file: what was asked, on which data, and everything that came of it.

Its page, ``qts risk explain`` and ``qts risk status`` are drawn from the file and
from nothing else. It is read back only if it still has the digest it was
written under. What the strategies said is not kept; what became of it is.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from qts.adapters.stores.atomic import write_durably
from qts.adapters.stores.limit_text import distance_of, distance_text
from qts.adapters.stores.policy_files import ACCOUNT_KEYS
from qts.adapters.stores.record_text import content_digest, json_value, packed, row_of, unpacked, value_of, values_of
from qts.domain.errors import QtsError, StorageError
from qts.domain.instant import Duration, Instant
from qts.domain.money import ZERO, exact_arithmetic
from qts.domain.virtual_books import Posting
from qts.domain.waiver import Waiver
from qts.risk.capital import Capital, Pool
from qts.risk.capital_changes import Change, PoolKey
from qts.risk.limit_words import GateWord
from qts.simulation.joint_result import BookSums, JointResult, Transferred, Withheld
from qts.simulation.operator_words import WordTold
from qts.strategy.multiplexer import Halted
from qts.worlds.account_plan import AccountPlan
from qts.worlds.policy_parsing import no_lines, read_block

FORMAT: Final = 4
_CHANGES: Final = {kind.__name__: kind for kind in get_args(Change)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """A strategy as it ran. name: of its class. code_digest: '' where there is no source."""

    strategy_id: str
    name: str
    code_digest: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """The data of one symbol. start, end: first open and last close. waivers: those the run really used."""

    symbol: str
    fingerprint: str
    source: str
    synthetic: bool
    rows: int
    start: Instant
    end: Instant
    waivers: tuple[Waiver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """world: '' without one; policy_version then 0. frictions, sizing: what was really used, as plain values."""

    run_id: str
    plan: AccountPlan
    world: str
    policy_version: int
    interval_ms: Duration
    frictions: Mapping[str, object]
    sizing: Mapping[str, object]
    members: tuple[MemberFacts, ...]
    data: tuple[DataFacts, ...]
    result: JointResult

    @property
    def synthetic(self) -> bool:
        return any(each.synthetic for each in self.data)

    @property
    def waivers(self) -> dict[Waiver, tuple[str, ...]]:
        """Every waiver that was used, and on which symbols."""
        names = sorted({waiver for each in self.data for waiver in each.waivers})
        return {name: tuple(each.symbol for each in self.data if name in each.waivers) for name in names}


def write_account(path: Path, record: AccountRecord) -> str:
    """Writes the record whole or not at all, and gives its digest. Raises StorageError; an older file then stands."""
    document: dict[str, object] = {
        "format": FORMAT,
        "run_id": record.run_id,
        "plan": record.plan.facts(),
        "world": record.world,
        "policy_version": record.policy_version,
        "interval_ms": record.interval_ms,
        "frictions": json_value(record.frictions),
        "sizing": json_value(record.sizing),
        "members": [row_of(each) for each in record.members],
        "data": [row_of(each) for each in record.data],
        "result": _result_text(record.result),
    }
    document = json.loads(json.dumps(document))
    document["content"] = digest = content_digest(document)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    write_durably(path, gzip.compress(text.encode(), compresslevel=6, mtime=0))
    return digest


def read_account(path: Path) -> AccountRecord:
    """The record in a file. Raises StorageError when there is none, or when it is not as it was written."""
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
        content = document.pop("content")
        if document["format"] != FORMAT or content != content_digest(document):
            raise _damaged(path, "its content does not have the digest it was written under")
        with exact_arithmetic():
            return _record(document, path)
    except FileNotFoundError as error:
        raise StorageError(
            f"there is no account run {path.name.partition('.')[0]}",
            place=str(path),
            next_step="run the account: qts account backtest FILE",
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> StorageError:
    return StorageError(
        f"the record {path.name} is not as it was written: {why}",
        place=str(path),
        next_step="restore it from a backup, or run the account again",
    )


def _record(document: Mapping[str, Any], path: Path) -> AccountRecord:
    try:
        plan = read_block(AccountPlan, document["plan"], source=path.name, line_of=no_lines, keys_listed=ACCOUNT_KEYS)
    except QtsError as error:
        raise ValueError(error.cause) from error
    return AccountRecord(
        run_id=document["run_id"],
        plan=plan,
        world=document["world"],
        policy_version=document["policy_version"],
        interval_ms=document["interval_ms"],
        frictions=document["frictions"],
        sizing=document["sizing"],
        members=values_of(MemberFacts, document["members"]),
        data=values_of(DataFacts, document["data"]),
        result=_result(document["result"]),
    )


def _result_text(result: JointResult) -> dict[str, object]:
    return {
        "closed_at": packed(result.closed_at, "<i8"),
        "opened_at": {symbol: packed(each, "<i8") for symbol, each in result.opened_at.items()},
        "equity": packed(result.equity, "<f8"),
        "by_strategy": {name: packed(line, "<f8") for name, line in result.by_strategy.items()},
        "by_symbol": {name: packed(line, "<f8") for name, line in result.by_symbol.items()},
        "books": [[*key, row_of(sums)] for key, sums in result.books.items()],
        "venue": {symbol: row_of(sums) for symbol, sums in result.venue.items()},
        "postings": {
            symbol: [[row, row_of(posting)] for row, posting in postings]
            for symbol, postings in result.postings.items()
        },
        "fills": dict(result.fills),
        "crossed": result.crossed,
        "halted": [row_of(each) for each in result.halted],
        "in_care": [list(each) for each in result.in_care],
        "operator": [row_of(each) for each in result.operator],
        "gate": [row_of(each) for each in result.gate],
        "withheld": [row_of(each) for each in result.withheld],
        "distances": [distance_text(each) for each in result.distances],
        "transfers": [row_of(each) for each in result.transfers],
        "changes": [[at, type(change).__name__, row_of(change)] for at, change in result.changes],
        "pools": [[row_of(key), row_of(pool)] for key, pool in result.capital.pools.items()],
        "journal_head": result.journal_head,
        "assumptions": list(result.assumptions),
    }


def _result(text: Mapping[str, Any]) -> JointResult:
    return JointResult(
        closed_at=unpacked(text["closed_at"], "<i8"),
        opened_at={symbol: unpacked(each, "<i8") for symbol, each in text["opened_at"].items()},
        equity=unpacked(text["equity"], "<f8"),
        by_strategy={name: unpacked(line, "<f8") for name, line in text["by_strategy"].items()},
        by_symbol={name: unpacked(line, "<f8") for name, line in text["by_symbol"].items()},
        books={(whose, symbol): value_of(BookSums, sums) for whose, symbol, sums in text["books"]},
        venue={symbol: value_of(BookSums, sums) for symbol, sums in text["venue"].items()},
        postings={
            symbol: tuple((row, value_of(Posting, posting)) for row, posting in postings)
            for symbol, postings in text["postings"].items()
        },
        fills=text["fills"],
        crossed=text["crossed"],
        halted=values_of(Halted, text["halted"]),
        in_care=tuple((whose, symbol) for whose, symbol in text["in_care"]),
        operator=values_of(WordTold, text["operator"]),
        gate=values_of(GateWord, text["gate"]),
        withheld=values_of(Withheld, text["withheld"]),
        said={},
        distances=tuple(distance_of(each) for each in text["distances"]),
        transfers=values_of(Transferred, text["transfers"]),
        changes=tuple((at, value_of(_CHANGES[kind], row)) for at, kind, row in text["changes"]),
        capital=_capital(text["pools"]),
        journal_head=text["journal_head"],
        assumptions=tuple(text["assumptions"]),
    )


def _capital(rows: list[Any]) -> Capital:
    pools: dict[PoolKey, Pool] = {value_of(PoolKey, key): value_of(Pool, pool) for key, pool in rows}
    return Capital(pools, sum((pool.total for pool in pools.values()), start=ZERO))
