"""What comes in: pictures, pages, the text in them, and what a model is shown of them.

Uses no other room of ``vision`` but its errors.
"""
