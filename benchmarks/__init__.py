"""QTS beside its peers: what each figure is, how it is taken and where it is kept. Run by `make bench`."""
