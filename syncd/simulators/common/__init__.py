"""What every simulator is made of: HTTP, workers, faults, a control door and a command; a simulator adds its rules."""
