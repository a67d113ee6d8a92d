"""What people touch in a terminal."""
