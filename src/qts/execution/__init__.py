"""From what strategies want to what is sent. Standard library only."""
