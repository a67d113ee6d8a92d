"""A run's whole record as one file: every order, fill, payment, refusal, trade, word of a limit and the equity curve.

The file is what a report is drawn from and what a number can be traced to. It
is read back as the same ``RunResult``, and only if it still has the digest it
was written under; a file that was changed, cut or mixed up is refused. Values
are stored exactly: decimals as text, floats by their bytes.
"""

import gzip
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from qts.adapters.stores.atomic import write_durably
from qts.adapters.stores.limit_text import distance_of, distance_text
from qts.adapters.stores.record_text import content_digest, packed, plain_fields, row_of, unpacked, values_of
from qts.domain.errors import StorageError
from qts.domain.fill import Fill, FundingPayment, Trade
from qts.domain.money import exact_arithmetic
from qts.domain.order import Order
from qts.domain.waiver import Waiver
from qts.risk.limit_words import GateWord
from qts.risk.limits import Measured
from qts.simulation.result import CostSplit, ProtectionChange, Provenance, Refusal, RunResult

FORMAT = 2
_EVENTS: Mapping[str, type] = {
    "fills": Fill,
    "funding_payments": FundingPayment,
    "trades": Trade,
    "refusals": Refusal,
    "orders": Order,
    "protections": ProtectionChange,
}
_COLUMNS: Mapping[str, str] = {"opened_at": "<i8", "close": "<f8", "equity": "<f8"}


def write_run(path: Path, result: RunResult) -> None:
    """Writes the record whole or not at all. Raises StorageError and leaves an older file as it was."""
    document: dict[str, object] = {
        "format": FORMAT,
        "digest": result.digest,
        "provenance": plain_fields(result.provenance),
        "columns": {name: packed(getattr(result, name), kind) for name, kind in _COLUMNS.items()},
        "size_changes": [[row, size.hex()] for row, size in result.size_changes],
        "wallet": str(result.wallet),
        "unrealized_pnl": str(result.unrealized_pnl),
        "costs": plain_fields(result.costs),
        "assumptions": list(result.assumptions),
        "halted": result.halted,
        "journal_head": result.journal_head,
        "gate": [row_of(word) for word in result.gate],
        "distances": [distance_text(each) for each in result.distances],
    }
    for name in _EVENTS:
        document[name] = [row_of(event) for event in getattr(result, name)]
    document["content"] = content_digest(document)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    write_durably(path, gzip.compress(text.encode(), compresslevel=6, mtime=0))


def read_run(path: Path) -> RunResult:
    """The run in a file. Raises StorageError when there is none, or when it is not as it was written."""
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
        result = _result(document)
        content = document.pop("content")
        intact = document["format"] == FORMAT and document["digest"] == result.digest
        intact = intact and content == content_digest(document)
    except FileNotFoundError as error:
        raise StorageError(
            "the record of the run is not there", place=str(path), next_step="submit the strategy again"
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise _damaged(path, str(error)) from error
    if not intact:
        raise _damaged(path, "its content does not have the digest it was written under")
    return result


def _damaged(path: Path, why: str) -> StorageError:
    return StorageError(
        f"the record {path.name} is not as it was written: {why}",
        place=str(path),
        next_step="restore it from a backup, or submit the strategy again",
    )


def _result(document: Mapping[str, Any]) -> RunResult:
    events: dict[str, Any] = {name: values_of(kind, document[name]) for name, kind in _EVENTS.items()}
    columns: dict[str, Any] = {name: unpacked(document["columns"][name], kind) for name, kind in _COLUMNS.items()}
    return RunResult(
        provenance=_provenance(document["provenance"]),
        size_changes=tuple((row, float.fromhex(size)) for row, size in document["size_changes"]),
        wallet=Decimal(document["wallet"]),
        unrealized_pnl=Decimal(document["unrealized_pnl"]),
        costs=CostSplit(**{name: Decimal(amount) for name, amount in document["costs"].items()}),
        assumptions=tuple(document["assumptions"]),
        halted=document["halted"],
        journal_head=document["journal_head"],
        gate=values_of(GateWord, document.get("gate", [])),  # an older record is of a run that the gate alone judged
        distances=_distances(document.get("distances", [])),
        **columns,
        **events,
    )


def _provenance(facts: Mapping[str, Any]) -> Provenance:
    known = dict(facts)
    known["capital"] = Decimal(known["capital"])
    known["waivers"] = tuple(Waiver(name) for name in known["waivers"])
    known["risk_limits"] = _bounds(known["risk_limits"])
    return Provenance(**known)


def _bounds(facts: Mapping[str, Any]) -> dict[str, object]:
    """Bounds by name, decimals as they were; a block of them holds others."""
    return {name: _bounds(each) if isinstance(each, Mapping) else _bound(each) for name, each in facts.items()}


def _bound(value: object) -> object:
    return Decimal(value) if isinstance(value, str) else value


def _distances(rows: list[list[Any]]) -> tuple[Measured, ...]:
    with exact_arithmetic():
        return tuple(distance_of(row) for row in rows)
