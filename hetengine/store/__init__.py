"""Column stores: matrices on disk, read column by column past the page cache."""
