"""The daemon as a process, and its parts."""
