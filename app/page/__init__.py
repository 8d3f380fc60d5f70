"""The web page: what stands where, what happens, and how it is written."""
