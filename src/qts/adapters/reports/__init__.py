"""Pages people read, each one self-contained HTML file that opens offline and asks for nothing."""
