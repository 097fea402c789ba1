"""What the operator tells of itself: metrics and structured logs."""
