"""One branch in its worker: trained from its fork to its end, tried again, gone on with."""
