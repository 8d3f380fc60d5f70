"""What serving more than one person takes: accounts, pace, headers, the OpenAI-compatible endpoint, a page while the model loads.

Uses ``vision``, and nothing of ``page`` or ``talks``.
"""
