"""How much memory training and drawing take, by the sizes of the models, and which settings make them fit a device."""
