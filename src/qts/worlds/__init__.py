"""Governance: what a world wants, what a run proved, and what may therefore happen. Decides, never acts."""
