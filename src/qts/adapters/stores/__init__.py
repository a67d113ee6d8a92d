"""Places where data, worlds and records are kept."""
