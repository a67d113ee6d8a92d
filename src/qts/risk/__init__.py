"""The right to say no: the gate, its rules and limits, sizing, liquidation prices. Standard library only."""
