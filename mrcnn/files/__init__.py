"""Files and downloads: written whole or not at all."""
