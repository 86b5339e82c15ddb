"""What syncd shows over HTTP on this machine."""
