"""Real database servers for the tests, each private to one test process."""
