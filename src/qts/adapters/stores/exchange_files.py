"""Leverage brackets and instruments from the JSON a venue or a library writes.

Brackets: Binance's ``leverageBracket`` answer (a list, or one object, of
{symbol, brackets}) and the tier file of ccxt and freqtrade ({"BTC/USDT:USDT":
[{..., "info": <Binance's own bracket>}]}); of the latter only ``info`` is read.
Neither says when it held, so the date is the caller's to give. Instruments:
Binance USD-M ``exchangeInfo`` (PRICE_FILTER tickSize, LOT_SIZE stepSize,
MIN_NOTIONAL notional). Numbers are read exactly, never through a float.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from qts.adapters.stores.imports import read_bytes
from qts.domain.errors import DataError, did_you_mean
from qts.domain.instant import Instant
from qts.domain.instrument import Instrument
from qts.market.brackets import Bracket, BracketTable


def read_brackets(path: Path, *, symbol: str, as_of: Instant) -> BracketTable:
    """The symbol's table. Raises DataError if the file has it not, or if its brackets do not join."""
    document = _read_json(path)
    listed: dict[str, list[Any]] = {}
    try:
        if isinstance(document, dict) and "brackets" not in document:
            for name, tiers in document.items():
                listed[_venue_symbol(name)] = [tier["info"] for tier in tiers]
        else:
            for item in document if isinstance(document, list) else [document]:
                listed[item["symbol"]] = item["brackets"]
        found = listed.get(symbol)
        if found is None:
            raise _not_in_file(symbol, list(listed), path)
        ordered = sorted((_bracket(item) for item in found), key=lambda bracket: bracket.notional_floor)
    except (KeyError, TypeError, AttributeError, ValueError, InvalidOperation) as error:
        raise DataError(
            f"{path.name} is no bracket file: {type(error).__name__} {error}",
            place=str(path),
            next_step="give Binance's leverageBracket answer, or a tier file of ccxt or freqtrade",
        ) from error
    return BracketTable(symbol=symbol, as_of=as_of, brackets=tuple(ordered))


def read_instrument_rules(path: Path, *, symbol: str) -> Instrument:
    """The symbol's tick, lot and smallest notional. Raises DataError if the file has it not."""
    document = _read_json(path)
    try:
        listed = {item["symbol"]: item for item in document["symbols"]}
        found = listed.get(symbol)
        if found is None:
            raise _not_in_file(symbol, list(listed), path)
        filters = {item["filterType"]: item for item in found["filters"]}
        smallest = filters.get("MIN_NOTIONAL") or filters.get("NOTIONAL") or {}
        return Instrument(
            symbol=symbol,
            base=found["baseAsset"],
            quote=found["quoteAsset"],
            tick=Decimal(str(filters["PRICE_FILTER"]["tickSize"])),
            lot=Decimal(str(filters["LOT_SIZE"]["stepSize"])),
            notional_min=Decimal(str(smallest["notional"] if "notional" in smallest else smallest["minNotional"])),
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise DataError(
            f"{path.name} is no exchangeInfo file: {type(error).__name__} {error}",
            place=str(path),
            next_step="give Binance USD-M's exchangeInfo answer, or no file and --tick, --lot and --min-notional",
        ) from error


def _bracket(item: Any) -> Bracket:
    return Bracket(
        notional_floor=Decimal(str(item["notionalFloor"])),
        notional_cap=Decimal(str(item["notionalCap"])),
        maintenance_rate=Decimal(str(item["maintMarginRatio"])),
        deduction=Decimal(str(item["cum"])),
        leverage_max=int(item["initialLeverage"]),
    )


def _venue_symbol(name: str) -> str:
    """'BTC/USDT:USDT' is BTCUSDT; a dated contract keeps its date."""
    pair, _, settled = name.partition(":")
    dated = re.sub(r"^[A-Z0-9]+", "", settled)
    return pair.replace("/", "") + dated


def _not_in_file(symbol: str, known: list[str], path: Path) -> DataError:
    return DataError(
        f"{path.name} has nothing about {symbol}.{did_you_mean(symbol, known)}",
        place=f"{len(known)} symbols in the file",
        next_step="check the symbol; nothing was changed",
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path), parse_float=Decimal)
    except ValueError as error:
        raise DataError(
            f"{path.name} is no JSON, perhaps cut off: {error}",
            place=str(path),
            next_step="fetch the file again; nothing was changed",
        ) from error
