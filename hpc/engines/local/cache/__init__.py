"""What makes a task's result valid for another run: fingerprints, and what differs between two of them."""
