"""One script a contender. Each does one piece of work once, in a process of its own, and reports it as JSON."""
