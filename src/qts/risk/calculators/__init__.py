"""What each limit measures, one family per file: pure functions of facts and a policy. None of them decides."""
