"""The loop: gather, decide, act; and the queue that decides when it runs."""
