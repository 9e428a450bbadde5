"""`python -m dbsweep` is the `dbsweep` command."""

from dbsweep.cli import main

main()
