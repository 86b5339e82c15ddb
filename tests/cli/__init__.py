"""The command line through its door: the installed command on real files."""
