"""The words of the trade: money, instrument, time, ids, orders, fills, errors. Standard library only."""
