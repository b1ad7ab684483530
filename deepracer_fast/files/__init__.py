"""Files: the formats of the DeepRacer world, our model folders, and how they are written whole."""
