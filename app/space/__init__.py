"""A Hugging Face Space: written, planned, pushed; and the GPU that it borrows for each answer.

Uses ``page`` and ``vision``.
"""
