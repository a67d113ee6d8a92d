"""One file per revision, never edited once it is released."""
