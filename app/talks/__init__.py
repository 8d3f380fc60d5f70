"""Conversations: their values, how they are answered, corrected, kept, exported, linked to, judged and reported.

Uses ``vision``; ``export`` also the pure HTML of ``page``. ``values`` knows no file and no engine.
"""
