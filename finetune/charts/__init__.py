"""Charts, tables, diagrams and figures drawn from exact numbers, with questions, reasoning and answers.

Uses ``vision`` for the text that a model is given. ``records.make(seed)`` is the way in; ``python -m finetune.charts`` writes many.
"""
