"""What answers: models in this process (``local``) and servers elsewhere (``remote``), behind one protocol (``engine``).

Uses ``pictures`` and ``thoughts``, and nothing of ``answers``.
"""
