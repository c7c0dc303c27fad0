"""The command line, one file per command group; the only package that may see all parties."""
