"""The outside: files, databases, pages. Only this layer touches the world."""
