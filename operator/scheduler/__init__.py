"""Decisions about running servers: pure, with time as an argument and unknown as a value."""
