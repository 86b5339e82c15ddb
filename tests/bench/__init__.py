"""The measurements run and say what they claim to say; how fast anything is, no test asks."""
