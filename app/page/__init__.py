"""The web page: what stands where (``layout``), what happens (``events``, ``wishes``), what is shown (``views``, ``evidence``, ``render``).

Uses ``talks``, ``serving`` and ``vision``. ``evidence`` and ``render`` are pure functions from values to HTML.
"""
