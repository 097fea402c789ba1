"""All I/O to the outside."""
