"""Instruments and bracket tables as small JSON files, exact numbers as text."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from qts.adapters.stores.atomic import write_durably
from qts.domain.errors import DataError
from qts.domain.instant import parse_instant
from qts.domain.instrument import Instrument
from qts.domain.money import plain
from qts.market.brackets import Bracket, BracketTable


def write_instrument(path: Path, instrument: Instrument) -> None:
    _write(path, instrument.facts())


def read_instrument(path: Path) -> Instrument:
    """Raises DataError naming the file if it is damaged, FileNotFoundError if it is not there."""
    facts = _read(path)
    try:
        return Instrument(
            symbol=facts["symbol"],
            base=facts["base"],
            quote=facts["quote"],
            tick=Decimal(facts["tick"]),
            lot=Decimal(facts["lot"]),
            notional_min=Decimal(facts["notional_min"]),
        )
    except (AttributeError, KeyError, TypeError, ArithmeticError) as error:
        raise _damaged(path, error) from error


def write_bracket_table(path: Path, table: BracketTable) -> None:
    """The file is named by the table's date."""
    brackets = [
        {
            "notional_floor": plain(bracket.notional_floor),
            "notional_cap": plain(bracket.notional_cap),
            "maintenance_rate": plain(bracket.maintenance_rate),
            "deduction": plain(bracket.deduction),
            "leverage_max": bracket.leverage_max,
        }
        for bracket in table.brackets
    ]
    _write(path, {"symbol": table.symbol, "as_of": path.stem, "brackets": brackets})


def read_bracket_table(path: Path) -> BracketTable:
    """Raises DataError naming the file if it is damaged."""
    facts = _read(path)
    try:
        return BracketTable(
            symbol=facts["symbol"],
            as_of=parse_instant(facts["as_of"]),
            brackets=tuple(
                Bracket(
                    notional_floor=Decimal(item["notional_floor"]),
                    notional_cap=Decimal(item["notional_cap"]),
                    maintenance_rate=Decimal(item["maintenance_rate"]),
                    deduction=Decimal(item["deduction"]),
                    leverage_max=int(item["leverage_max"]),
                )
                for item in facts["brackets"]
            ),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise _damaged(path, error) from error


def _write(path: Path, document: object) -> None:
    write_durably(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path.name} is damaged: {error}", place=str(path), next_step="move it away and import it again")
