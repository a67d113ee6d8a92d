"""Whole lives of the trading machine on a virtual clock, with faults drawn from a seed, and a judge beside it."""
