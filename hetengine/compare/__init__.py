"""Two runs side by side: where the time went in each, and by how much they differ."""
