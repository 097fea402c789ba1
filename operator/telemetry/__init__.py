"""What every pod is like, read once a second: all at once, each within the deadline, and none spoils the others."""
