"""A market in this process: exchange, matching, margin, funding, costs, and the backtest that drives it."""
