"""The stages of an execution, each a file of pure functions: facts in, an answer out."""
