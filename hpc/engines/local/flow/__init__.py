"""What runs next, and with which inputs: the meaning of a plan while it runs. Pure: no clock, no process, no disk."""
