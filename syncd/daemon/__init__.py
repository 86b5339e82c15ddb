"""The service: signals, systemd notification, watchdog, schedule."""
