"""Far sides as real HTTP servers on loopback, for the demo, the tests and third parties."""
