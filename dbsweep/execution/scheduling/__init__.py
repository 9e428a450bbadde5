"""Which branch starts next and when one is over: the same in every back end, without torch."""
