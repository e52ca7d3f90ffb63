"""Trees to run commands in: two backends behind ``ports.Rootfs``, and the starter of RUNs."""
