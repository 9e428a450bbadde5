"""What a person sees of a run: frozen report data first, then pictures, charts and one offline page."""
