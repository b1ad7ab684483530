"""The guide: pages to read, and what makes those of them that the code itself tells."""
