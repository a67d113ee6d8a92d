"""What was knowable and when: bars, funding, brackets, the View, audit, cleaning, fingerprints."""
