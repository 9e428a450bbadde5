"""What each command of the command line does: parse, make one call, print."""
