"""One module a framework; each has `write(out)` and names the package whose version the manifest records."""
