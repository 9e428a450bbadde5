"""Pictures that are there made larger and their faces restored, by models of other people (spandrel)."""
