"""The testing kit: a far system in memory and a connector that fails on demand."""
