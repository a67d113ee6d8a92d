"""Learning and judging: metrics and their significance, from arrays and results it is given. numpy only, no I/O."""
