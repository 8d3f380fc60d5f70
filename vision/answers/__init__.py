"""What is concluded: the final answer, whether two are the same, how far it is traced, a vote, a table, a corrected reading.

Uses ``thoughts`` and ``pictures``, and no engine.
"""
